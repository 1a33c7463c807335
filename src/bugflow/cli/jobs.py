"""Commands for background jobs."""

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from bugflow.cli.context import AsJson, console, print_json, use_database
from bugflow.core.clock import utc_now
from bugflow.core.errors import InvalidError
from bugflow.core.jobs.queries import STATES, get_run, list_runs
from bugflow.core.jobs.queue import retry_run
from bugflow.core.jobs.tables import JobRun

app = typer.Typer(help="Background jobs.", no_args_is_help=True)

RunId = Annotated[UUID, typer.Argument(metavar="ID", help="The job's id, as `bugflow jobs list` prints it.")]


class UnknownStateError(InvalidError):
    """A state that no job can have."""

    def __init__(self, state: str) -> None:
        super().__init__(f"There is no state {state!r}. Use one of {', '.join(STATES)}.")


@app.command("list")
def show_jobs(
    state: Annotated[str | None, typer.Option(help=f"One of {', '.join(STATES)}.")] = None,
    job: Annotated[str | None, typer.Option(help="The job's whole name.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first."""
    if state is not None and state not in STATES:
        raise UnknownStateError(state)
    with use_database() as database, database.snapshot() as session:
        rows = [_describe(run) for run in list_runs(session, state=state, job=job, limit=limit)]
    if as_json:
        print_json(rows)
        return
    table = Table("Id", "Job", "State", "Done", "Attempts", "Due", "Error")
    for row in rows:
        attempts = f"{row['attempts']}/{row['max_attempts']}"
        done, due = f"{row['progress']:.0%}", f"{row['due_at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(row["id"], row["job"], row["state"], done, attempts, due, escape((row["error"] or "")[:60]))
    console.print(table if rows else "There are none.")


@app.command("show")
def show_job(run_id: RunId, *, as_json: AsJson = False) -> None:
    """Show one job: how far it is, how it ended, why it failed."""
    with use_database() as database, database.snapshot() as session:
        described = _describe(get_run(session, run_id))
    _print(described, as_json=as_json)


@app.command("retry")
def retry_job(run_id: RunId, *, as_json: AsJson = False) -> None:
    """Queue a job again that has failed."""
    with use_database() as database, database.transaction() as session:
        run = get_run(session, run_id)
        retry_run(session, run, now=utc_now())
        described = _describe(run)
    _print(described, as_json=as_json)


def _describe(run: JobRun) -> dict[str, Any]:
    return {
        "id": str(run.uuid),
        "job": run.job,
        "state": run.state,
        "progress": run.progress,
        "progress_note": run.progress_note,
        "attempts": run.attempts,
        "max_attempts": run.max_attempts,
        "due_at": run.due_at,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "runner": run.runner,
        "error": run.error,
    }


def _print(described: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(described)
        return
    for name, value in described.items():
        console.print(f"{name.replace('_', ' ')}: {'' if value is None else value}", highlight=False, markup=False)
