"""The commands put together."""

import secrets
import sys

import typer

from bugflow import __version__
from bugflow.cli import data, database, people, server
from bugflow.cli.context import console, report_errors

app = typer.Typer(help="BugFlow: a self-hosted bug tracker.", no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(database.app, name="db")
app.add_typer(people.users, name="user")
app.add_typer(people.projects, name="project")
app.command("serve")(server.serve)
app.command("demo")(server.demo)
app.command("import")(data.import_)
app.command("search")(data.search)


@app.command()
def version() -> None:
    """Print the version."""
    console.print(__version__, highlight=False)


@app.command()
def secret() -> None:
    """Print a new secret for BUGFLOW_SECRET_KEY."""
    console.print(secrets.token_urlsafe(48), highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(report_errors(app))
