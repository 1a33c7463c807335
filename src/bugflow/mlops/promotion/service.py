"""Using another model from now on, and going back; each with who, when and why."""

import json
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.mlops.promotion.errors import (
    AlreadyUsedError,
    ChangedAtOnceError,
    NothingBeforeError,
    ReasonNeededError,
)
from bugflow.mlops.promotion.report import DECISION
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.choosing import use_none
from bugflow.mlops.registry.store import find_current, get_manifest, set_current
from bugflow.mlops.registry.versions import GLOBAL, ModelType, ModelVersion, read_name
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit

USED, ROLLED_BACK = "used", "rolled back"
BUILT_IN = "what comes with BugFlow"


def use_model(
    session: Session,
    storage: Storage,
    model_type: ModelType,
    version: ModelVersion | None,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    scope: str = GLOBAL,
) -> ModelChange:
    """Use a version from now on, or with none what comes with BugFlow; servers notice within seconds.

    Raises:
        MissingPermissionError: The actor may not choose models.
        ModelNotFoundError: There is no such version.
        ModelDamagedError: Its manifest cannot be understood.
        AlreadyUsedError: It is in use.
        ReasonNeededError: It failed its checks, and no reason is given.
        ChangedAtOnceError: Somebody else was faster.
    """
    actor.require(Permission.MANAGE_MODELS)
    number = _begin(session, model_type, scope)
    passed = _has_passed(storage, version)
    if passed is False and not reason.strip():
        raise ReasonNeededError(_name(version))
    change = ModelChange(
        model_type=model_type, scope=scope, number=number, verb=USED, passed=passed, reason=reason.strip()
    )
    return _apply(session, storage, change, version, actor=actor, now=now)


def roll_back(
    session: Session,
    storage: Storage,
    model_type: ModelType,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    scope: str = GLOBAL,
) -> ModelChange:
    """Use again what was used before the version in use; once more goes back further.

    Raises:
        MissingPermissionError: The actor may not choose models.
        NothingBeforeError: Nothing is known to have been used before.
        ModelNotFoundError: That version is no longer there.
        ChangedAtOnceError: Somebody else was faster.
    """
    actor.require(Permission.MANAGE_MODELS)
    number = _begin(session, model_type, scope)
    current = find_current(storage, model_type, scope)
    taken = None if current is None else _find_taking(session, model_type, scope, current.name)
    if taken is None:
        raise NothingBeforeError(model_type)
    version = None if taken.before is None else read_name(taken.before)
    passed = _has_passed(storage, version)
    change = ModelChange(
        model_type=model_type, scope=scope, number=number, verb=ROLLED_BACK, passed=passed, reason=reason.strip()
    )
    return _apply(session, storage, change, version, actor=actor, now=now)


def list_changes(session: Session, model_type: ModelType, scope: str = GLOBAL, *, limit: int = 50) -> list[ModelChange]:
    """Return which models were used, the latest first."""
    statement = select(ModelChange).where(ModelChange.model_type == model_type, ModelChange.scope == scope)
    return list(session.scalars(statement.order_by(ModelChange.number.desc()).limit(limit)))


def _begin(session: Session, model_type: ModelType, scope: str) -> int:
    """Return the number of the next change, before anything else is read.

    What is read afterwards is as the change before has left it, or that number will be taken.
    """
    latest = select(func.max(ModelChange.number)).where(
        ModelChange.model_type == model_type, ModelChange.scope == scope
    )
    return (session.scalar(latest) or 0) + 1


def _find_taking(session: Session, model_type: ModelType, scope: str, name: str) -> ModelChange | None:
    """Return how the version in use came into use, but for going back to it."""
    statement = select(ModelChange).where(
        ModelChange.model_type == model_type,
        ModelChange.scope == scope,
        ModelChange.version == name,
        ModelChange.verb == USED,
    )
    return session.scalars(statement.order_by(ModelChange.number.desc()).limit(1)).first()


def _apply(
    session: Session,
    storage: Storage,
    change: ModelChange,
    version: ModelVersion | None,
    *,
    actor: Actor,
    now: datetime,
) -> ModelChange:
    """Note a change, then make it: whoever comes second waits for the first, and is refused."""
    current = find_current(storage, change.model_type, change.scope)
    if current == version:
        raise AlreadyUsedError(_name(version))
    if version is not None:
        get_manifest(storage, version)
    change.version, change.before = (None if each is None else each.name for each in (version, current))
    change.actor_id, change.actor_name, change.created_at = actor.user_id, actor.name, now
    session.add(change)
    try:
        session.flush()
    except IntegrityError as error:
        raise ChangedAtOnceError(change.model_type) from error
    record_audit(
        session,
        actor,
        "model.changed",
        subject=("model", f"{change.model_type}/{change.scope}"),
        now=now,
        before={"version": change.before},
        after={"version": change.version, "reason": change.reason, "passed": change.passed},
    )
    session.flush()
    if version is None:
        use_none(storage, change.model_type, change.scope)
    else:
        set_current(storage, version, now=now)
    return change


def _has_passed(storage: Storage, version: ModelVersion | None) -> bool | None:
    """Return whether a version passed its checks; none where it was never judged."""
    if version is None:
        return None
    try:
        content = json.loads(b"".join(storage.read(f"{version.prefix}/{DECISION}")))
    except (ObjectNotFoundError, ValueError):
        return None
    return bool(content.get("passed")) if isinstance(content, dict) else None


def _name(version: ModelVersion | None) -> str:
    return BUILT_IN if version is None else version.name
