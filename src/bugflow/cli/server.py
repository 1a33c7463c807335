"""Commands that serve."""

import os
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvicorn

from bugflow.app import create_app
from bugflow.cli.context import console, errors, load_settings
from bugflow.cli.demo import build_demo
from bugflow.core.database import open_database
from bugflow.core.settings import Settings
from bugflow.migrations import find_schema_version, require_current_schema, upgrade_schema
from bugflow.tracker.accounts.queries import has_users

log = structlog.get_logger()

Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on.")]


def serve(host: Host = None, port: Port = None) -> None:
    """Serve BugFlow. An empty database gets its tables; an outdated one is refused."""
    settings = load_settings(host=host, port=port)
    settings.require_own_secret()
    prepare_database(settings)
    run_server(settings)


def demo(host: Host = None, port: Port = None) -> None:
    """Serve a demo workspace with the accounts tester@, dev@ and pm@bugflow.com, in a database of its own."""
    home = Path(os.environ.get("BUGFLOW_HOME", Path.home() / ".bugflow")) / "demo"
    settings = load_settings(host=host, port=port, home=home, demo=True, database_url="", storage_url="")
    database = open_database(settings.resolved_database_url)
    upgrade_schema(database)
    build_demo(database, settings)
    database.dispose()
    console.print(
        f"Demo: http://{settings.host}:{settings.port}/docs, sign in as tester@bugflow.com / tester123, "
        "dev@bugflow.com / dev123 or pm@bugflow.com / pm123.",
        highlight=False,
        soft_wrap=True,
    )
    run_server(settings)


def prepare_database(settings: Settings) -> None:
    """Give an empty database its tables, refuse an outdated one, and say what to do where nobody can sign in.

    Raises:
        SchemaOutdatedError: The database has another schema.
    """
    database = open_database(settings.resolved_database_url, timeout_seconds=settings.database_timeout_seconds)
    if find_schema_version(database) is None:
        upgrade_schema(database)
    require_current_schema(database)
    with database.snapshot() as session:
        if not has_users(session):
            errors.print("Nobody can sign in yet. Add the first administrator: bugflow user add", highlight=False)
    database.dispose()


def run_server(settings: Settings) -> None:
    """Serve until stopped."""
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        server_header=False,
    )
