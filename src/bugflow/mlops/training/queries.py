"""Reading trainings."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.mlops.registry.versions import GLOBAL
from bugflow.mlops.training.errors import TrainingNotFoundError
from bugflow.mlops.training.tables import Training


def list_trainings(
    session: Session,
    *,
    task: str | None = None,
    scope: str | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[Training]:
    """Return trainings, the latest first, beginning before the one with this number; what is none does not matter."""
    statement = select(Training)
    for column, wanted in ((Training.task, task), (Training.scope, scope)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if before_id is not None:
        statement = statement.where(Training.id < before_id)
    return session.scalars(statement.order_by(Training.id.desc()).limit(limit)).all()


def get_training(session: Session, uuid: UUID) -> Training:
    """Return a training.

    Raises:
        TrainingNotFoundError: There is none.
    """
    found = session.scalars(select(Training).where(Training.uuid == uuid)).first()
    if found is None:
        raise TrainingNotFoundError(uuid)
    return found


def find_open(session: Session, task: str, scope: str = GLOBAL) -> Training | None:
    """Return the training of a task that is not finished."""
    return session.scalars(select(Training).where(Training.open_key == name_open(task, scope))).first()


def find_latest(session: Session, task: str, scope: str = GLOBAL) -> Training | None:
    """Return the latest training that is finished, whatever came of it."""
    statement = select(Training).where(
        Training.task == task, Training.scope == scope, Training.finished_at.is_not(None)
    )
    return session.scalars(statement.order_by(Training.id.desc()).limit(1)).first()


def find_latest_learned(session: Session, task: str, scope: str = GLOBAL) -> Training | None:
    """Return the latest training whose model was judged."""
    statement = select(Training).where(Training.task == task, Training.scope == scope, Training.passed.is_not(None))
    return session.scalars(statement.order_by(Training.id.desc()).limit(1)).first()


def list_scopes(session: Session, task: str) -> list[str]:
    """Return for which projects the task was ever trained, and before them all projects together."""
    known = session.scalars(select(Training.scope).where(Training.task == task).distinct())
    return [GLOBAL, *sorted(set(known) - {GLOBAL})]


def name_open(task: str, scope: str) -> str:
    """Return what an open training of a task is known by."""
    return f"{task}/{scope}"
