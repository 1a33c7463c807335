"""Which version of each model is in use and which is tried, since when, and who chose it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.mlops.promotion.ledger import find_latest_change
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.store import find_challenger, find_current
from bugflow.mlops.registry.versions import GLOBAL, ModelType, ModelVersion
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.projects.queries import get_project


@dataclass(frozen=True, slots=True)
class Standing:
    """How things are with one type.

    Attributes:
        version: That is in use; none for what comes with BugFlow.
        challenger: That is tried beside it.
        change: By which it came into use; none where it never was anything else, or where nobody wrote that down.
    """

    model_type: ModelType
    scope: str
    version: ModelVersion | None
    challenger: ModelVersion | None
    change: ModelChange | None


def find_standing(session: Session, storage: Storage, model_type: ModelType, scope: str = GLOBAL) -> Standing:
    """Return how things are with a type, as servers see it.

    Raises:
        ModelDamagedError: What names a version cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    version = find_current(storage, model_type, scope)
    change = find_latest_change(session, model_type, scope)
    if change is not None and change.version != (None if version is None else version.name):
        change = None
    return Standing(model_type, scope, version, find_challenger(storage, model_type, scope), change)


def choose_scope(session: Session, viewer: Actor, project: str | None) -> str:
    """Return the scope of a project's own models, or without a project that of the models for all.

    Raises:
        ProjectNotFoundError: There is none, or the viewer may not see it.
    """
    return GLOBAL if project is None else str(get_project(session, viewer, project).uuid)
