"""Commands that serve."""

import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
import uvicorn

from bugflow.cli.context import console, load_settings
from bugflow.cli.preparing import prepare_database
from bugflow.core.database import open_database
from bugflow.core.jobs.supervisor import WorkerSupervisor
from bugflow.core.logging import configure_logging
from bugflow.core.settings import METRICS_FOLDER_VARIABLE, Settings
from bugflow.migrations import upgrade_schema

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 -- A folder of our own is made in it.
"""Where processes count together on Linux: a full disk would end them, since they map these files."""

NOT_THE_DEMOS = ("BUGFLOW_DATABASE_URL", "BUGFLOW_STORAGE_URL", "BUGFLOW_BROKER_URL", "BUGFLOW_SMTP_URL")
"""What belongs to another installation on the same machine."""

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
    from bugflow.cli.demo import build_demo  # noqa: PLC0415 -- Only the demo needs its content.

    home = Path(os.environ.get("BUGFLOW_HOME", Path.home() / ".bugflow")) / "demo"
    # Into the environment, so that its worker and further server processes have nothing else in hand either.
    os.environ |= {"BUGFLOW_HOME": str(home), "BUGFLOW_DEMO": "true"} | dict.fromkeys(NOT_THE_DEMOS, "")
    settings = load_settings(host=host, port=port)
    database = open_database(settings.resolved_database_url)
    upgrade_schema(database)
    build_demo(database, settings)
    database.dispose()
    console.print(
        f"Demo: http://{settings.host}:{settings.port}/, sign in as tester@bugflow.com / tester123, "
        "dev@bugflow.com / dev123 or pm@bugflow.com / pm123.",
        highlight=False,
        soft_wrap=True,
    )
    run_server(settings)


def run_server(settings: Settings) -> None:
    """Serve until stopped, with a worker process beside it unless there is a broker for workers elsewhere."""
    if settings.broker_url:
        _serve(settings)
        return
    supervisor = WorkerSupervisor(
        [sys.executable, "-m", "bugflow", "worker"], may_start=lambda: _is_listening(settings)
    )
    # The server passes SIGTERM on when it has stopped; by default that would end us before the worker has.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    supervisor.start()
    try:
        _serve(settings)
    finally:
        supervisor.stop()


def _is_listening(settings: Settings) -> bool:
    try:
        with socket.create_connection((settings.host, settings.port), timeout=1):
            return True
    except OSError:
        return False


def _serve(settings: Settings) -> None:
    configure_logging(settings)
    if settings.web_processes == 1:
        from bugflow.app import create_app  # noqa: PLC0415 -- The parent of several processes does not need it.

        _run_uvicorn(settings, create_app(settings))
        return
    in_memory = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="bugflow-metrics-", dir=in_memory) as folder:
        os.environ[METRICS_FOLDER_VARIABLE] = folder  # Each process builds its own application from the environment.
        _run_uvicorn(settings, "bugflow.app:create_app_from_environment")


def _run_uvicorn(settings: Settings, application: Any) -> None:  # noqa: ANN401 -- An application, or where to find one.
    several = settings.web_processes > 1
    uvicorn.run(
        application,
        factory=several,
        workers=settings.web_processes if several else None,
        host=settings.host,
        port=settings.port,
        log_config=None,  # One form for every line: core/logging.
        access_log=False,  # core/http/request_log writes them.
        forwarded_allow_ips=settings.forwarded_allow_ips,
        server_header=False,
    )
