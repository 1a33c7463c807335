"""Using another model from now on, and going back; each with who, when and why."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.mlops.promotion.decisions import find_passed
from bugflow.mlops.promotion.errors import (
    AlreadyUsedError,
    ChangedAtOnceError,
    NothingBeforeError,
    ReasonNeededError,
    ReasonTooLongError,
)
from bugflow.mlops.promotion.ledger import find_latest_change, mend_alias
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.choosing import use_none
from bugflow.mlops.registry.store import get_manifest, set_current
from bugflow.mlops.registry.versions import GLOBAL, ModelType, ModelVersion, read_name, require_type
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit

LONGEST_REASON = 500
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
        ReasonTooLongError: The reason is longer than 500 characters.
        ChangedAtOnceError: Somebody else was faster.
    """
    actor.require(Permission.MANAGE_MODELS)
    latest = find_latest_change(session, model_type, scope)
    passed = find_passed(storage, version)
    if passed is False and not reason.strip():
        raise ReasonNeededError(_name(version))
    change = _follow(latest, model_type, scope, verb=USED, passed=passed, reason=reason)
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
        ReasonTooLongError: The reason is longer than 500 characters.
        ModelNotFoundError: That version is no longer there.
        ChangedAtOnceError: Somebody else was faster.
    """
    actor.require(Permission.MANAGE_MODELS)
    latest = find_latest_change(session, model_type, scope)
    used = None if latest is None else latest.version
    taken = None if used is None else _find_taking(session, model_type, scope, used)
    if taken is None:
        raise NothingBeforeError(model_type)
    version = None if taken.before is None else read_name(taken.before)
    passed = find_passed(storage, version)
    change = _follow(latest, model_type, scope, verb=ROLLED_BACK, passed=passed, reason=reason)
    return _apply(session, storage, change, version, actor=actor, now=now)


def list_changes(session: Session, model_type: ModelType, scope: str = GLOBAL, *, limit: int = 50) -> list[ModelChange]:
    """Return which models were used, the latest first."""
    statement = select(ModelChange).where(ModelChange.model_type == model_type, ModelChange.scope == scope)
    return list(session.scalars(statement.order_by(ModelChange.number.desc()).limit(limit)))


def _follow(
    latest: ModelChange | None, model_type: ModelType, scope: str, *, verb: str, passed: bool | None, reason: str
) -> ModelChange:
    """Return the change after the latest; of two that follow the same one, the database takes one."""
    if len(reason.strip()) > LONGEST_REASON:
        raise ReasonTooLongError(LONGEST_REASON)
    return ModelChange(
        model_type=model_type,
        scope=scope,
        number=1 if latest is None else latest.number + 1,
        verb=verb,
        before=None if latest is None else latest.version,
        passed=passed,
        reason=reason.strip(),
    )


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
    change.version = None if version is None else version.name
    if change.version == change.before:
        mend_alias(session, storage, require_type(change.model_type), change.scope, now=now)
        raise AlreadyUsedError(_name(version))
    if version is not None:
        get_manifest(storage, version)
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


def _name(version: ModelVersion | None) -> str:
    return BUILT_IN if version is None else version.name
