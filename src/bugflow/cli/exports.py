"""The command that takes issues out."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bugflow.cli.context import errors, use_database
from bugflow.cli.writing import require_free, write_whole
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.exports.reading import Part, read_records
from bugflow.tracker.exports.writing import Format, write_export
from bugflow.tracker.search.language import Filter, parse_query


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
        require_free(out, force=force)
        write_whole(out, pieces)
    errors.print(f"Written: {out}", highlight=False)
