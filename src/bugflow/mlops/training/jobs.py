"""Training in the background: what was ordered, and what is due."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import job
from bugflow.core.jobs.execution import Progress
from bugflow.core.jobs.queue import enqueue
from bugflow.core.storage import Storage
from bugflow.mlops.corrections.events import CorrectionRecorded
from bugflow.mlops.monitoring.alarms import find_alarms
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.registry.versions import GLOBAL, ModelType
from bugflow.mlops.tasks import Tasks
from bugflow.mlops.training.errors import TrainingOpenError
from bugflow.mlops.training.queries import find_open, list_scopes, name_open
from bugflow.mlops.training.service import LONGEST, choose_issues, end_lost
from bugflow.mlops.training.tables import Training
from bugflow.mlops.training.triggers import Habits, Trigger, find_trigger
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit

if TYPE_CHECKING:
    from bugflow.mlops.training.contract import LearningTask
    from bugflow.mlops.training.running import TrainingMeans

log = structlog.get_logger()

ALARMING = {"drift", "coverage", "precision", "worse"}
"""Alarms that newer examples may silence."""
ATTEMPTS = 4
"""After so many the storage is thought to be away for longer."""


def ask_for_training(
    session: Session,
    task: ModelType,
    *,
    trigger: str,
    reason: str,
    actor: Actor,
    now: datetime,
    scope: str = GLOBAL,
    options: Mapping[str, Any] | None = None,
) -> Training:
    """Note that a task is to be trained, and queue the job that carries it out.

    Raises:
        MissingPermissionError: The actor may not train.
        TrainingOpenError: It is being trained.
    """
    actor.require(Permission.MANAGE_MODELS)
    end_lost(session, now=now)
    training = Training(
        task=task,
        scope=scope,
        open_key=name_open(task, scope),
        trigger=trigger,
        reason=reason.strip()[:LONGEST],
        options=dict(options or {}),
        requested_by_id=actor.user_id,
        requested_by_name=actor.name,
        as_of=now,
        created_at=now,
    )
    _open(session, training)
    run = enqueue(session, run_training, now=now, owner_id=actor.user_id, training_id=training.id)
    training.run_uuid = run.uuid
    record_audit(
        session,
        actor,
        "training.ordered",
        subject=("model", f"{task}/{scope}"),
        now=now,
        after={"training": str(training.uuid), "trigger": trigger, "reason": training.reason},
    )
    session.flush()
    return training


def _open(session: Session, training: Training) -> None:
    try:
        with session.begin_nested():
            session.add(training)
    except IntegrityError as error:
        present = find_open(session, training.task, training.scope)
        if present is None:
            raise
        raise TrainingOpenError(training.task, present.uuid) from error


@job(long=True, max_attempts=ATTEMPTS)
def run_training(database: Database, *, training_id: int, training_means: "TrainingMeans", progress: Progress) -> None:
    """Carry a training out from where it was left."""
    from bugflow.mlops.training.running import carry_out  # noqa: PLC0415 -- A second and 100 MB.

    carry_out(database, training_id, training_means, tell=progress)


@job(schedule="*/10 * * * *")
def look_for_trainings(session: Session, learning_tasks: Tasks, training_habits: Habits) -> None:
    """Order the trainings that are due, and end those whose job is gone."""
    end_lost(session, now=utc_now())
    order_due(session, learning_tasks, training_habits, now=utc_now())


@job(on=CorrectionRecorded)
def learn_from_corrections(
    session: Session, event: CorrectionRecorded, learning_tasks: Tasks, training_habits: Habits
) -> None:
    """Order a training as soon as there are enough corrections of a field."""
    for task in learning_tasks.values():
        if task.name == event.field:
            _order_due(session, task, training_habits, now=utc_now())


@job(schedule="0 2 * * 1")
def learn_weekly(session: Session, learning_tasks: Tasks, training_habits: Habits) -> None:
    """Order a training of everything about which something new was said."""
    order_due(session, learning_tasks, training_habits, now=utc_now(), is_weekly=True)


@job(schedule="30 6 * * *")
def learn_from_alarms(
    session: Session, storage: Storage, watching: WatchOptions, learning_tasks: Tasks, training_habits: Habits
) -> None:
    """Order a training of what has drifted, or is no longer right often enough, where people have said anything new."""
    now = utc_now()
    alarms = find_alarms(session, storage, viewer=build_system_actor("job"), options=watching, now=now)
    for task in learning_tasks.values():
        says = [each.says for each in alarms if each.model_type == task.name and each.kind in ALARMING]
        _order_due(session, task, training_habits, now=now, alarms=says)


def order_due(session: Session, tasks: Tasks, habits: Habits, *, now: datetime, is_weekly: bool = False) -> None:
    """Order the trainings that are due."""
    for task in tasks.values():
        _order_due(session, task, habits, now=now, is_weekly=is_weekly)


def _order_due(
    session: Session,
    task: "LearningTask",
    habits: Habits,
    *,
    now: datetime,
    alarms: Sequence[str] = (),
    is_weekly: bool = False,
) -> None:
    for scope in list_scopes(session, task.name):
        trigger = find_trigger(session, task, scope, habits, now=now, alarms=alarms, is_weekly=is_weekly)
        if trigger is None:
            continue
        obstacle = task.find_obstacle()
        if obstacle is None:
            _order(session, task.name, scope, trigger, now=now)
        else:
            log.info("training_not_ordered", task=task.name, scope=scope, trigger=trigger.kind, reason=obstacle)


def _order(session: Session, task: ModelType, scope: str, trigger: Trigger, *, now: datetime) -> None:
    actor = build_system_actor("job")
    _, query = choose_issues(session, actor, None if scope == GLOBAL else scope, "")
    ask_for_training(
        session,
        task,
        trigger=trigger.kind,
        reason=trigger.says,
        actor=actor,
        now=now,
        scope=scope,
        options={"query": query},
    )
