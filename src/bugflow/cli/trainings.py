"""Commands for trainings: ordering one and watching it, and what came of earlier ones."""

import json
import threading
import time
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markdown import Markdown
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from bugflow.assist.duplicates.learning_task import DuplicatesTask
from bugflow.cli.context import AsJson, console, errors, load_settings, print_json, use_database
from bugflow.cli.learning import find_encoder
from bugflow.cli.versions import Project, Type
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import InvalidError, UnavailableError
from bugflow.core.jobs.definition import JobRegistry, job_of
from bugflow.core.jobs.execution import run_next
from bugflow.core.jobs.queries import get_run
from bugflow.core.jobs.runners import name_runner
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage, open_storage
from bugflow.mlops.promotion.files import DECISION, DECISION_TEXT
from bugflow.mlops.registry.versions import read_name, require_type
from bugflow.mlops.training.building import build_means
from bugflow.mlops.training.jobs import ask_for_training, run_training
from bugflow.mlops.training.queries import get_training, list_trainings
from bugflow.mlops.training.running import AT_ONCE, KEEP, KEPT, STAGES, USED, TrainingMeans
from bugflow.mlops.training.service import PERSON, choose_issues, require_ready
from bugflow.mlops.training.tables import Training
from bugflow.tracker.accounts.actor import build_system_actor

app = typer.Typer()

LOOK_SECONDS = 0.3
BECAME = {
    USED: " and used from now on",
    "shadow": " and tried in the shadow now, where nobody sees what it says",
    "ab": " and tried side by side with the model in use now",
    KEPT: "",
}


class TrainingFailedError(InvalidError):
    """A training ended without a model."""


class TrainingWaitsError(UnavailableError):
    """A training could not be carried out now, and is tried again by the worker of a server."""

    def __init__(self, uuid: UUID, problem: str) -> None:
        super().__init__(f"Training {uuid} could not go on: {problem} A running server tries it again by itself.")


@app.command("train")
def train_model(  # noqa: PLR0913 -- A command has as many options as it has.
    model_type: Type,
    *,
    project: Project = None,
    query: Annotated[str, typer.Option("--query", help="Only issues that this asks for teach and judge.")] = "",
    backend: Annotated[str | None, typer.Option("--backend", help="As `bugflow train` has them.")] = None,
    least: Annotated[
        int | None, typer.Option("--least", min=2, help="Leave out labels with fewer issues; without it 20.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of all that is random.")] = 0,
    use: Annotated[bool, typer.Option("--use/--no-use", help="Use it from now on where it passes.")] = True,
    trial: Annotated[
        bool, typer.Option("--trial", help="Where it passes, try it first, as BUGFLOW_PROMOTION_STAGES says.")
    ] = False,
    trigger: Annotated[str, typer.Option("--trigger", help="Who asks: person, or pipeline.")] = PERSON,
    as_json: AsJson = False,
) -> None:
    """Learn from the issues of the database, judge what came of it beside the model in use, and use it if it passes."""
    settings, kind = load_settings(), require_type(model_type)
    storage = open_storage(settings.resolved_storage_url)
    then = STAGES if trial else AT_ONCE if use else KEEP
    means = build_means(settings, storage, others=(DuplicatesTask.of(settings),))
    require_ready(means.tasks[kind])
    options = {"backend": backend, "least": least, "seed": seed, "then": then}
    with use_database(settings) as database, errors.status("Waiting") as status:
        with database.transaction() as session:
            actor = build_system_actor("cli")
            scope, options["query"] = choose_issues(session, actor, project, query)
            training = ask_for_training(
                session,
                kind,
                scope=scope,
                trigger=trigger,
                reason="It was asked for by the command line.",
                actor=actor,
                now=utc_now(),
                options=options,
            )
            uuid, run_uuid = training.uuid, training.run_uuid
        _carry_out(database, replace(means, find_encoder=find_encoder), settings, uuid, status)
        with database.snapshot() as session:
            found = get_training(session, uuid)
            problem = "" if run_uuid is None else get_run(session, run_uuid).error or ""
    _tell(storage, found, problem, as_json=as_json)


def _carry_out(database: Database, means: TrainingMeans, settings: Settings, uuid: UUID, status: Status) -> None:
    """Run a training in a thread, unless a server's worker was faster, and show how far it is."""
    registry = JobRegistry([job_of(run_training)], resources={"training_means": lambda: means})
    with database.snapshot() as session:
        run_uuid = get_training(session, uuid).run_uuid
        run_id = None if run_uuid is None else get_run(session, run_uuid).id
    thread = threading.Thread(
        target=run_next,
        args=(database, registry),
        kwargs={"runner": name_runner(), "lease_seconds": settings.job_lease_seconds, "run_id": run_id},
        daemon=True,
    )
    thread.start()
    while True:
        ended = not thread.is_alive()
        with database.snapshot() as session:
            training = get_training(session, uuid)
            run = None if training.run_uuid is None else get_run(session, training.run_uuid)
            waits = run is None or run.state != "running"
        if training.finished_at is not None or (ended and waits):
            return
        note = "" if run is None else run.progress_note
        status.update(f"{training.progress:.0%} {escape(note or training.step)}")
        time.sleep(LOOK_SECONDS)


def _tell(storage: Storage, training: Training, problem: str, *, as_json: bool) -> None:
    if training.finished_at is None:
        raise TrainingWaitsError(training.uuid, problem)
    if training.version is None:
        raise TrainingFailedError(training.error or "The training failed.")
    prefix = read_name(training.version).prefix
    if as_json:
        decision = json.loads(b"".join(storage.read(f"{prefix}/{DECISION}")))
        print_json({**_describe(training), **decision})
        return
    console.print(Markdown(b"".join(storage.read(f"{prefix}/{DECISION_TEXT}")).decode()))
    console.print(f"It is kept as {training.version}{BECAME[training.then or KEPT]}.", soft_wrap=True)


@app.command("trainings")
def show_trainings(
    model_type: Annotated[str | None, typer.Argument(metavar="TYPE", help="Only those of one type.")] = None,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List trainings, the latest first: why each began, how far it is and what came of it."""
    kind = None if model_type is None else require_type(model_type)
    with use_database() as database, database.snapshot() as session:
        rows = [_describe(each) for each in list_trainings(session, task=kind, limit=limit)]
    if as_json:
        print_json(rows)
        return
    table = Table("Ordered (UTC)", "Type", "State", "Why", "What came of it", box=None)
    for row in rows:
        state = row["state"] if row["state"] != "running" else f"{row['progress']:.0%} {row['step']}"
        told = row["outcome"] or row["error"] or ""
        ordered = f"{row['created_at']:%Y-%m-%d %H:%M}"
        table.add_row(ordered, row["type"], state, *map(escape, (row["reason"], told)))
    console.print(table if rows else "Nothing was ever trained here.")


@app.command("log")
def show_log(uuid: Annotated[UUID, typer.Argument(metavar="TRAINING", help="Its UUID, as the list has it.")]) -> None:
    """Show what a training did, step by step."""
    with use_database() as database, database.snapshot() as session:
        console.print(get_training(session, uuid).log, end="", soft_wrap=True, markup=False)


def _describe(training: Training) -> dict[str, Any]:
    return {
        "id": training.uuid,
        "type": training.task,
        "scope": training.scope,
        "state": training.state,
        "trigger": training.trigger,
        "reason": training.reason,
        "by": training.requested_by_name,
        "step": training.step,
        "progress": training.progress,
        "dataset": training.dataset,
        "n_labelled": training.n_labelled,
        "version": training.version,
        "passed": training.passed,
        "used": training.then == USED,
        "then": training.then,
        "outcome": training.outcome,
        "error": training.error,
        "created_at": training.created_at,
        "started_at": training.started_at,
        "finished_at": training.finished_at,
    }
