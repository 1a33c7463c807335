"""Commands for the database."""

import typer
from rich.progress import Progress

from bugflow.cli.context import AsJson, console, errors, load_settings, print_json, use_database
from bugflow.core.database import open_database
from bugflow.migrations import find_schema_version, head_version, upgrade_schema
from bugflow.tracker.issues.text_index import count_stale_rows, delete_left_over_rows, reindex_after

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(*, as_json: AsJson = False) -> None:
    """Bring the database to this version's schema; an empty one gets its tables."""
    database = open_database(load_settings().resolved_database_url)
    before = find_schema_version(database)
    upgrade_schema(database)
    database.dispose()
    if as_json:
        print_json({"schema": head_version(), "before": before})
        return
    console.print(f"The database has schema {head_version()} now (before: {before or 'none'}).", highlight=False)


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Tell which schema the database has, and which this version needs."""
    database = open_database(load_settings().resolved_database_url)
    found = find_schema_version(database)
    database.dispose()
    if as_json:
        print_json({"schema": found, "needed": head_version(), "current": found == head_version()})
        return
    console.print(f"The database has schema {found or 'none'}; needed: {head_version()}.", highlight=False)


@app.command()
def reindex(*, as_json: AsJson = False) -> None:
    """Write the words of every issue into the full-text index anew; the server may go on working."""
    with use_database() as database, Progress(console=errors, transient=True, disable=as_json) as bar:
        with database.transaction() as session:
            delete_left_over_rows(session)
        task = bar.add_task("Issues", total=None)
        last, done = 0, 0
        while True:
            with database.transaction() as session:  # Short ones, so that nobody waits for long.
                last, count = reindex_after(session, last)
            if count == 0:
                break
            done += count
            bar.update(task, completed=done)
        with database.snapshot() as session:
            lacking, left_over = count_stale_rows(session)
    if as_json:
        print_json({"issues": done, "lacking": lacking, "left_over": left_over})
    else:
        console.print(f"The words of {done:,} issues are in the full-text index.", highlight=False)
