"""Commands for the database."""

import typer

from bugflow.cli.context import console, load_settings
from bugflow.core.database import open_database
from bugflow.migrations import find_schema_version, head_version, upgrade_schema

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Bring the database to this version's schema; an empty one gets its tables."""
    database = open_database(load_settings().resolved_database_url)
    before = find_schema_version(database)
    upgrade_schema(database)
    console.print(f"The database has schema {head_version()} now (before: {before or 'none'}).", highlight=False)


@app.command()
def status() -> None:
    """Tell which schema the database has, and which this version needs."""
    found = find_schema_version(open_database(load_settings().resolved_database_url))
    console.print(f"The database has schema {found or 'none'}; needed: {head_version()}.", highlight=False)
