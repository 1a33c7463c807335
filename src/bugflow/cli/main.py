"""The commands put together; each is loaded when it is run."""

import secrets
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from bugflow import __version__

LONG_HELP = "BugFlow: a self-hosted bug tracker."

COMMANDS = {
    "serve": "server:serve",
    "demo": "server:demo",
    "worker": "workers:worker",
    "beat": "workers:beat",
    "jobs": "jobs:app",
    "db": "database:app",
    "user": "people:users",
    "project": "people:projects",
    "import": "data:import_",
    "export": "exports:export",
    "search": "data:search",
    "backup": "backups:backup",
    "restore": "backups:restore",
    "doctor": "doctor:doctor",
    "train": "ranking:app",
    "models": "models:app",
    "dataset": "datasets:app",
    "evaluate": "evaluation:app",
    "backtest": "backtest:backtest",
    "encoder": "encoder:app",
    "duplicates": "duplicates:app",
}
"""Where each command is: a module of this package, and a function or a group in it."""


class LazyCommands(TyperGroup):
    """Loads a command only when it is run or shown, since some load much."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 -- Click's context, which Typer may bring along.
        """Return the names of all commands."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 -- The same, and its command.
        """Return a command."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"bugflow.cli.{module}"), name)
        if isinstance(found, typer.Typer):
            group = get_group(found)
            group.name = cmd_name
            return group
        alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        alone.command(cmd_name)(found)
        return get_command(alone)


app = typer.Typer(cls=LazyCommands, help=LONG_HELP, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def version() -> None:
    """Print the version."""
    sys.stdout.write(f"{__version__}\n")


@app.command()
def secret() -> None:
    """Print a new secret for BUGFLOW_SECRET_KEY."""
    sys.stdout.write(f"{secrets.token_urlsafe(48)}\n")


def main() -> None:
    """Run the command line and exit with its code."""
    from bugflow.cli.context import report_errors  # noqa: PLC0415 -- `bugflow version` needs none of it.

    sys.exit(report_errors(app))
