"""What every command needs: the settings, the database, and one table from kinds of error to exit codes."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import OperationalError

from bugflow.core.database import Database, open_database
from bugflow.core.errors import (
    BugFlowError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from bugflow.core.settings import Settings
from bugflow.migrations import require_current_schema

EXIT_CODES: dict[type[BugFlowError], int] = {
    InvalidError: 2,
    NotFoundError: 3,
    ConflictError: 4,
    ForbiddenError: 5,
    UnavailableError: 6,
}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

console = Console()
errors = Console(stderr=True)


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401 -- Any setting.
    """Return the settings from the environment, with a command's options over them.

    Raises:
        InvalidError: A setting has an impossible value.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = "BUGFLOW_" + "_".join(str(part) for part in first["loc"]).upper()
        raise InvalidError(f"Setting {name} is not valid: {first['msg']}. See docs/reference/settings.md.") from error


@contextmanager
def use_database(settings: Settings | None = None) -> Iterator[Database]:
    """Open the database of the settings; it must have this version's schema."""
    used = settings or load_settings()
    database = open_database(used.resolved_database_url, timeout_seconds=used.database_timeout_seconds)
    try:
        require_current_schema(database)
        yield database
    finally:
        database.dispose()


def print_json(value: object) -> None:
    """Print a value for programs."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")


def report_errors(run: Any) -> int:  # noqa: ANN401 -- A Typer application.
    """Run the application; print an error of ours as one sentence and return the exit code of its kind."""
    if not structlog.is_configured():  # What a command prints may be read by programs.
        structlog.configure(
            logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
            wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        )
    try:
        run()
    except BugFlowError as error:
        errors.print(f"[red]Error:[/red] {error}", highlight=False, soft_wrap=True, markup=True)
        return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), 1)
    except OperationalError as error:
        reason = str(error.orig).splitlines()[0]
        errors.print(f"[red]Error:[/red] The database does not answer: {reason}. Check BUGFLOW_DATABASE_URL.")
        return EXIT_CODES[UnavailableError]
    except KeyboardInterrupt:
        return 130
    return 0
