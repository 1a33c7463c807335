"""Trying a version that passed its checks on what is reported, before it is used: in the shadow, then side by side."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.mlops.promotion.ledger import find_latest_change
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.service import LONGEST_REASON, use_model
from bugflow.mlops.promotion.tables import ModelTrial
from bugflow.mlops.registry.store import clear_challenger, find_challenger, set_challenger
from bugflow.mlops.registry.versions import GLOBAL, ModelVersion, read_name, require_type
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.audit.service import record_audit

PROMOTED, DROPPED, REPLACED = "promoted", "dropped", "replaced"
LONGEST = 1000


def find_trial(session: Session, model_type: str, scope: str = GLOBAL) -> ModelTrial | None:
    """Return the trial of the version that is tried now; none where none is."""
    return session.scalars(select(ModelTrial).where(ModelTrial.open_key == _key(model_type, scope))).first()


def list_trials(session: Session, model_type: str, scope: str = GLOBAL, *, limit: int = 20) -> Sequence[ModelTrial]:
    """Return the trials of a type, the latest first."""
    statement = select(ModelTrial).where(ModelTrial.model_type == model_type, ModelTrial.scope == scope)
    return session.scalars(statement.order_by(ModelTrial.id.desc()).limit(limit)).all()


def list_open_trials(session: Session) -> Sequence[ModelTrial]:
    """Return the trials that go on."""
    return session.scalars(select(ModelTrial).where(ModelTrial.open_key.is_not(None)).order_by(ModelTrial.id)).all()


def try_or_use(
    session: Session, storage: Storage, version: ModelVersion, *, policy: Policy, actor: Actor, now: datetime, says: str
) -> ModelTrial | None:
    """Try a version that passed its checks, in the first stage of the policy; where there is none, use it at once.

    One that is tried already makes way for it.

    Raises:
        MissingPermissionError: The actor may not choose models.
        ChangedAtOnceError: Somebody else has changed the model in use at this moment.
    """
    older = find_trial(session, version.model_type, version.scope)
    if older is not None and older.version == version.name:  # A training that was killed here, and goes on.
        return older
    if older is not None:
        _end(session, storage, older, REPLACED, f"{version.name} is newer, and is tried instead.", now=now)
    if not policy.stages:
        _use(session, storage, version, actor=actor, now=now, says=says)
        return None
    current = find_latest_change(session, version.model_type, version.scope)
    first, *later = policy.stages
    trial = ModelTrial(
        model_type=version.model_type,
        scope=version.scope,
        open_key=_key(version.model_type, version.scope),
        version=version.name,
        champion=None if current is None else current.version,
        stage=first,
        later=list(later),
        share=policy.ab_share if first == "ab" else 0.0,
        created_at=now,
        started_at=now,
        says=says[:LONGEST],
    )
    session.add(trial)
    session.flush()
    _record(session, trial, actor, "model.tried", now=now)
    show_challenger(storage, trial, now=now)
    return trial


def go_on(
    session: Session, storage: Storage, trial: ModelTrial, *, policy: Policy, actor: Actor, now: datetime, says: str
) -> None:
    """Let a version go on to its next stage; after the last one it is used.

    Raises:
        ChangedAtOnceError: Somebody else has changed the model in use at this moment.
    """
    version = read_name(trial.version)
    if not trial.later:
        _end(session, storage, trial, PROMOTED, says, now=now)
        _use(session, storage, version, actor=actor, now=now, says=says)
        return
    trial.stage, trial.later = trial.later[0], trial.later[1:]
    trial.share = policy.ab_share if trial.stage == "ab" else 0.0
    trial.started_at, trial.says = now, says[:LONGEST]
    session.flush()
    _record(session, trial, actor, "model.tried", now=now)
    show_challenger(storage, trial, now=now)


def drop(session: Session, storage: Storage, trial: ModelTrial, *, actor: Actor, now: datetime, says: str) -> None:
    """End a trial: its version is not used."""
    _end(session, storage, trial, DROPPED, says, now=now)
    _record(session, trial, actor, "model.dropped", now=now)


def end_overtaken(session: Session, storage: Storage, trial: ModelTrial, *, now: datetime) -> bool:
    """End a trial whose rival is no longer in use, since a person has chosen another version or this one.

    Returns:
        Whether it was so.
    """
    latest = find_latest_change(session, require_type(trial.model_type), trial.scope)
    name = None if latest is None else latest.version
    if name == trial.version:
        _end(session, storage, trial, PROMOTED, "Somebody has chosen it.", now=now)
    elif name != trial.champion:
        says = "Another version is used since, beside which it was not judged."
        _end(session, storage, trial, DROPPED, says, now=now)
    return name != trial.champion


def show_challenger(storage: Storage, trial: ModelTrial, *, now: datetime) -> None:
    """Make the storage name the version that is tried, for every process."""
    version = read_name(trial.version)
    if find_challenger(storage, trial.model_type, trial.scope) != version:
        set_challenger(storage, version, now=now)


def _use(session: Session, storage: Storage, version: ModelVersion, *, actor: Actor, now: datetime, says: str) -> None:
    reason = says[:LONGEST_REASON]
    use_model(session, storage, version.model_type, version, actor=actor, now=now, reason=reason, scope=version.scope)


def _end(session: Session, storage: Storage, trial: ModelTrial, outcome: str, says: str, *, now: datetime) -> None:
    trial.outcome, trial.says, trial.ended_at, trial.open_key = outcome, says[:LONGEST], now, None
    session.flush()
    clear_challenger(storage, require_type(trial.model_type), trial.scope)


def _record(session: Session, trial: ModelTrial, actor: Actor, action: str, *, now: datetime) -> None:
    record_audit(
        session,
        actor,
        action,
        subject=("model", f"{trial.model_type}/{trial.scope}"),
        now=now,
        after={"version": trial.version, "stage": trial.stage, "says": trial.says},
    )


def _key(model_type: str, scope: str) -> str:
    return f"{model_type}/{scope}"
