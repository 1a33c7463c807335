"""Ordering trainings, and noting how far each is and what came of it."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.jobs.events import announce
from bugflow.core.jobs.tables import JobRun
from bugflow.mlops.registry.versions import GLOBAL
from bugflow.mlops.training.errors import TaskNotReadyError
from bugflow.mlops.training.events import TrainingEnded
from bugflow.mlops.training.tables import Training
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.projects.queries import get_project

if TYPE_CHECKING:
    from bugflow.mlops.training.contract import LearningTask

PERSON, PIPELINE = "person", "pipeline"
LONGEST, LONGEST_LOG = 500, 100_000
LOST = "Its job is gone, so it will not end. Order it again."


def choose_issues(session: Session, viewer: Actor, project: str | None, query: str) -> tuple[str, str]:
    """Return the scope of a project's own models, or of those for all, and the query for the issues that teach them.

    Raises:
        ProjectNotFoundError: There is no such project, or the viewer may not see it.
    """
    if project is None:
        return GLOBAL, query
    found = get_project(session, viewer, project)
    return str(found.uuid), f"project:{found.key} ({query})" if query.strip() else f"project:{found.key}"


def require_ready(task: "LearningTask") -> None:
    """Refuse a task that cannot be learned on this machine now.

    Raises:
        TaskNotReadyError: Something is missing.
    """
    obstacle = task.find_obstacle()
    if obstacle is not None:
        raise TaskNotReadyError(obstacle)


def begin(session: Session, training: Training, *, now: datetime) -> None:
    """Note that a training has begun, or goes on after it was killed."""
    again = training.started_at is not None
    training.state = "running"
    training.started_at = training.started_at or now
    write_log(training, f"It goes on after step {training.step!r}." if again else training.reason, now=now)
    session.flush()


def note_step(session: Session, training: Training, step: str, says: str, *, now: datetime, **found: Any) -> None:  # noqa: ANN401 -- Columns.
    """Note that a step is finished, and what was found in it, by the names of columns."""
    training.step = step
    for name, value in found.items():
        setattr(training, name, value)
    write_log(training, says, now=now)
    session.flush()


def end(session: Session, training: Training, outcome: str, *, now: datetime) -> None:
    """Note what came of a training."""
    training.state, training.progress, training.step = "succeeded", 1.0, "done"
    training.outcome = outcome[:LONGEST]
    _close(session, training, outcome, now=now)


def fail(session: Session, training: Training, error: str, *, now: datetime) -> None:
    """Note that a training has failed for good, and why."""
    training.state, training.error = "failed", error
    _close(session, training, error, now=now)


def end_lost(session: Session, *, now: datetime) -> None:
    """Let trainings fail whose job has failed for good or is there no more."""
    for training in session.scalars(select(Training).where(Training.open_key.is_not(None))):
        if training.run_uuid is None:
            continue
        run = _find_run(session, training.run_uuid)
        if run is None or run.state in {"failed", "cancelled", "succeeded"}:
            fail(session, training, LOST if run is None or run.error is None else run.error, now=now)


def write_log(training: Training, says: str, *, now: datetime) -> None:
    """Add a line to the log of a training; of one that is too long the beginning is lost."""
    line = " ".join(says.split())
    training.log = f"{training.log}{now:%Y-%m-%d %H:%M:%S} {line}\n"[-LONGEST_LOG:]


def _close(session: Session, training: Training, says: str, *, now: datetime) -> None:
    training.open_key, training.finished_at = None, now
    write_log(training, says, now=now)
    session.flush()
    announce(session, TrainingEnded(training_id=training.id, passed=training.passed))


def _find_run(session: Session, uuid: UUID) -> JobRun | None:
    return session.scalars(select(JobRun).where(JobRun.uuid == uuid)).first()
