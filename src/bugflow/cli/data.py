"""Commands for issues in bulk: bringing them in, finding them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from bugflow.cli.context import AsJson, console, errors, print_json, use_database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.people import read_people
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.imports.text_files import open_paths
from bugflow.tracker.issues.queries import view_issues
from bugflow.tracker.search.language import parse_query
from bugflow.tracker.search.queries import search_issues

MOST_NAMED = 10


def import_(
    source: Annotated[str, typer.Argument(help="github, jira, bugzilla or bugflow.")],
    files: Annotated[list[Path], typer.Argument(help="The export's files, in any order.")],
    *,
    project: Annotated[str | None, typer.Option(help="Key of the project all goes into.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    users: Annotated[
        Path | None, typer.Option(help="CSV or JSON: a login or e-mail address there, the e-mail address here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import another tracker's export. Running it again, also after a kill, doubles nothing."""
    with open_paths([*files, *([users] if users else [])]) as opened:
        people = read_people(b"".join(opened.pop()())) if users else {}
        with use_database() as database, Progress(console=errors, transient=True, disable=as_json) as bar:
            task = bar.add_task(f"Importing from {source}", total=1.0)
            report = run_import(
                database,
                source,
                opened,
                project_key=project,
                dry_run=dry_run,
                actor=build_system_actor("import"),
                people=people,
                progress=lambda done: bar.update(task, completed=done),
            )
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)


def _print_report(report: ImportReport) -> None:
    console.print("Dry run: nothing was written. The import would bring" if report.dry_run else "Imported", end=" ")
    console.print(
        f"{report.new_issues} new issues, {report.new_comments} comments, {report.new_history} history entries"
        f", {report.new_relations} relations, {report.new_users} users.",
        highlight=False,
    )
    console.print(
        f"{report.unchanged_issues} issues were here unchanged, {report.changed_issues} changed in the export, "
        f"{report.kept_local} changed here too and were kept.",
        highlight=False,
        soft_wrap=True,
    )
    if report.turned_duplicates:
        console.print(
            f"{report.turned_duplicates} duplicates of newer issues were turned round, to lead back to older ones.",
            highlight=False,
            soft_wrap=True,
        )
    if report.new_projects:
        console.print(f"New projects: {', '.join(report.new_projects)}.", highlight=False)
    if report.new_users:
        more = "…" if report.new_users > MOST_NAMED else ""
        console.print(
            f"Without an account here: {', '.join(report.without_account[:MOST_NAMED])}{more}. "
            "They are users who cannot sign in; --users says who is who.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    if report.left.counts:
        table = Table("Not carried", "Count", "For example")
        for what, count in report.left.counts.most_common():
            table.add_row(what, str(count), ", ".join(report.left.examples.get(what, [])))
        console.print(table)


def search(
    query: Annotated[str, typer.Argument(help='For example: is:open severity:high "null pointer"')] = "",
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 25,
    as_json: AsJson = False,
) -> None:
    """Find issues by words and fields."""
    with use_database() as database, database.snapshot() as session:
        page = search_issues(session, build_system_actor("cli"), parse_query(query), limit=limit)
        views = view_issues(session, page.issues)
    if as_json:
        print_json(
            [{"id": v.issue.id, "key": v.issue.key, "title": v.issue.title, "status": v.issue.status} for v in views]
        )
        return
    table = Table("Key", "Status", "Severity", "Team", "Title")
    for view in views:
        severity, team = view.severity.name if view.severity else "", view.team.name if view.team else ""
        table.add_row(view.issue.key, view.issue.status, severity, team, view.issue.title)
    console.print(table if views else "No issue matches.")
