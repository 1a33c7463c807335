"""Preparing issues to be compared with each other: `bugflow duplicates`."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.profiling import Backlog, profile_backlog
from bugflow.assist.duplicates.rankers import Rankers, find_ranker
from bugflow.assist.duplicates.scan_report import FORMS
from bugflow.assist.duplicates.scanning import Scope, count_unprofiled
from bugflow.assist.duplicates.scanning import scan as run_scan
from bugflow.assist.duplicates.vector_filling import keep_all_vectors
from bugflow.cli.context import AsJson, console, errors, load_settings, print_json, use_database
from bugflow.cli.writing import require_free, write_whole
from bugflow.core.errors import InvalidError, NotFoundError, UnavailableError
from bugflow.core.settings import Settings
from bugflow.core.storage import open_storage
from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.starter import WORDS
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.projects.queries import get_project

app = typer.Typer(help="Comparing issues with each other.", no_args_is_help=True)

THREADS = 2


@app.callback()
def group() -> None:
    """Comparing issues with each other."""


@app.command()
def index(
    *,
    anew: Annotated[bool, typer.Option("--anew", help="Also those that are up to date.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a profile of each issue that has none, or one of another text or encoder; can be interrupted at any time."""
    settings = load_settings()
    encoder = _find_encoder(settings)
    started, kept = time.monotonic(), None
    with use_database(settings) as database, errors.status("Looking") as status:

        def tell(backlog: Backlog) -> None:
            rate = backlog.written / max(time.monotonic() - started, 1e-3)
            status.update(f"{backlog.seen:,} of {backlog.total:,}, {backlog.written:,} written, {rate:,.0f} a second")

        done = profile_backlog(database, encoder, anew=anew, tell=tell)
        if settings.duplicates_vectors == "auto":
            kept = keep_all_vectors(
                database,
                encoder,
                whole=True,
                tell=lambda count, what: status.update(f"Vectors in the database: {what}, {count:,} written"),
            )
    seconds = time.monotonic() - started
    if as_json:
        name = encoder.name if encoder is not None else None
        print_json(
            {
                "issues": done.seen,
                "written": done.written,
                "encoder": name,
                "seconds": round(seconds, 2),
                "vectors_written": kept.written if kept is not None else 0,
                "vectors_problem": kept.problem if kept is not None else None,
            }
        )
        return
    console.print(f"{done.seen:,} issues, {done.written:,} profiles written in {seconds:.1f} s.", highlight=False)
    if kept is not None:
        said = f"{kept.written:,} vectors written to the database."
        console.print(said if kept.problem is None else f"Vectors stay in memory: {kept.problem}.", soft_wrap=True)


@app.command()
def scan(
    *,
    out: Annotated[Path, typer.Option("--out", help="The report: .html to read, .csv or .jsonl for programs.")],
    project: Annotated[str | None, typer.Option(help="Look only at issues of this project, by key or name.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Look only at issues created then or later.")] = None,
    least: Annotated[float, typer.Option(min=0, max=1, help="Leave out what is less probable.")] = 0.1,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Look for issues that may be the same bug, each beside all older ones, and write a report for people to settle."""
    if out.suffix not in FORMS:
        raise UnknownFormError(out)
    require_free(out, force=force)
    settings, viewer = load_settings(), build_system_actor("cli")
    with use_database(settings) as database, errors.status("Loading") as status:
        scope = Scope(since=None if since is None else since.replace(tzinfo=UTC))
        if project is not None:
            with database.snapshot() as session:
                scope = replace(scope, project_id=get_project(session, viewer, project).id)
        options = HostingOptions(refresh_seconds=float("inf"), vectors=settings.duplicates_vectors)
        host = DuplicateHost(database, options, rankers=_open_rankers(settings))
        host.load()
        with database.snapshot() as session:
            lacking = count_unprofiled(session, host)
        found = run_scan(
            host,
            database,
            viewer,
            scope=scope,
            least=least,
            tell=lambda done, total: status.update(f"Comparing: {done:,} of {total:,}"),
        )
    write_whole(out, [FORMS[out.suffix](found, public_url=settings.public_url)])
    console.print(f"{len(found):,} groups that may be one bug each: {out}", highlight=False, soft_wrap=True)
    if lacking:
        errors.print(f"{lacking:,} issues have no profile and were left out. Run `bugflow duplicates index` before.")


def _open_rankers(settings: Settings) -> Rankers:
    storage = open_storage(settings.resolved_storage_url)
    rankers = Rankers(partial(find_ranker, storage, settings.models_folder / "fetched"), WORDS)
    rankers.look()
    return rankers


class UnknownFormError(InvalidError):
    """A report's form is told by its file's ending."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} must end in one of {', '.join(FORMS)}.")


def _find_encoder(settings: Settings) -> Encoder | None:
    from bugflow.ml.encoder.opening import open_encoder  # noqa: PLC0415 -- It loads much.

    try:
        return open_encoder(settings.models_folder, settings.encoder, threads=THREADS)
    except (NotFoundError, UnavailableError) as error:
        errors.print(f"[yellow]Without an encoder:[/yellow] {error}", highlight=False, soft_wrap=True)
        return None
