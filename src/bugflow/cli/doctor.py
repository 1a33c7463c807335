"""The command that examines an installation."""

import os
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from bugflow.cli.context import AsJson, console, load_settings, print_json
from bugflow.core.errors import InvalidError
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.settings import Settings
from bugflow.operation.doctor.examination import GROUPS, Examination
from bugflow.operation.doctor.findings import Finding, Level
from bugflow.operation.doctor.settings import examine_program
from bugflow.worker import collect_jobs

COLOURS = {Level.OK: "green", Level.INFORMATION: "cyan", Level.WARNING: "yellow", Level.FAILURE: "red"}


class UnknownGroupError(InvalidError):
    """A group that does not exist."""

    def __init__(self, group: str) -> None:
        super().__init__(f"There is no group {group!r} to examine. Use some of {', '.join(GROUPS)}.")


def doctor(
    mail: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Send a test mail there.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="GROUP", help=f"Some of {', '.join(GROUPS)}.")] = None,
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Look at every file and row, which may take long.")] = False,
    as_json: AsJson = False,
) -> None:
    """Examine the installation: what is well, what is not, what to do. Ends with 1 where something failed."""
    for group in only or ():
        if group not in GROUPS:
            raise UnknownGroupError(group)
    groups = tuple(group for group in GROUPS if not only or group in only or (group == "mail" and mail))
    try:
        settings = load_settings()
    except InvalidError as error:
        found = [("program", each) for each in examine_program()]
        found.append(("settings", Finding("settings", Level.FAILURE, str(error), "Correct it; the rest was skipped.")))
    else:
        examination = Examination(settings, _collect_jobs(settings), os.environ, deep=deep, recipient=mail)
        found = list(examination.run(groups))
    if as_json:
        rows = [
            {"group": group, "subject": each.subject, "level": each.level, "found": each.found, "advice": each.advice}
            for group, each in found
        ]
        print_json(rows)
    else:
        _print(each for _, each in found)
    if any(each.level is Level.FAILURE for _, each in found):
        raise typer.Exit(1)


def _collect_jobs(settings: Settings) -> JobRegistry:
    try:
        return collect_jobs(settings)
    except InvalidError:  # A malformed BUGFLOW_SMTP_URL, which the group `mail` tells.
        return JobRegistry()


def _print(findings: Iterable[Finding]) -> None:
    counts = dict.fromkeys(Level, 0)
    table = Table("What", "How", "Found, and what to do")
    for each in findings:
        counts[each.level] += 1
        text = escape(each.found) + (f"\n[bold]{escape(each.advice)}[/bold]" if each.advice else "")
        table.add_row(escape(each.subject), f"[{COLOURS[each.level]}]{each.level}[/]", text)
    console.print(table)
    console.print(", ".join(f"{count} {level}" for level, count in counts.items() if count) + ".", highlight=False)
