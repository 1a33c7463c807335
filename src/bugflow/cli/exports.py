"""The command that takes issues out."""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bugflow.cli.context import errors, use_database
from bugflow.core.errors import ConflictError, UnavailableError
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.exports.reading import Part, read_records
from bugflow.tracker.exports.writing import Format, write_export
from bugflow.tracker.search.language import Filter, parse_query


class ExportExistsError(ConflictError):
    """A file is there already."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is there already. Choose another name, or add --force to replace it.")


class ExportNotWrittenError(UnavailableError):
    """The disk is full, or the folder cannot be written."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} was not written: {reason}. Nothing was left behind.")


def export(
    *,
    project: Annotated[str | None, typer.Option(help="Only this project, by key or name.")] = None,
    query: Annotated[str, typer.Option(help='Only what this asks for: is:open "null pointer"')] = "",
    form: Annotated[Format, typer.Option("--format", help="One of jsonl, csv, json.")] = "jsonl",
    out: Annotated[Path | None, typer.Option(help="The file to write; by default standard output.")] = None,
    parts: Annotated[
        list[Part] | None,
        typer.Option("--with", help="What each issue brings along; by default everything."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write issues as CSV, JSON lines or JSON, oldest first."""
    wanted = parse_query(query)
    if project is not None:
        wanted = replace(wanted, filters=(*wanted.filters, Filter("project", (project,))))
    chosen = parts if parts is not None else () if form == "csv" else tuple(Part)
    with use_database() as database:
        pieces = write_export(read_records(database, build_system_actor("cli"), wanted, parts=chosen), form)
        if out is None:
            for piece in pieces:
                sys.stdout.write(piece)
            return
        if out.exists() and not force:
            raise ExportExistsError(out)
        partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
        try:
            with partial.open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(pieces)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(out)
        except OSError as error:
            raise ExportNotWrittenError(out, error.strerror or str(error)) from error
        finally:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
    errors.print(f"Written: {out}", highlight=False)
