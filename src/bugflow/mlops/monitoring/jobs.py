"""Watching models: going back by itself from one that is worse than it was, and telling those who look after them."""

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import BugFlowError, UnavailableError
from bugflow.core.jobs.definition import job
from bugflow.core.storage import Storage
from bugflow.mlops.monitoring.alarms import Alarm, find_alarms
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.rollback import RollBackDecision, list_scopes, should_roll_back
from bugflow.mlops.promotion.service import roll_back
from bugflow.mlops.registry.versions import MODEL_TYPES, ModelType
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import PERMISSIONS, Permission, Role
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.notifications.service import Happening, notify

log = structlog.get_logger()

LONGEST_REASON = 500
LONGEST_KEY = 100
LOOKS_AFTER = "looks after models"
TOLD = frozenset({"critical", "warning"})


@job(schedule="*/10 * * * *")
def watch_models(database: Database, storage: Storage, watching: WatchOptions) -> None:
    """Use the model before again, where the one in use is worse than when it was judged, and tell so."""
    for model_type in MODEL_TYPES:
        with database.snapshot() as session:
            scopes = list_scopes(session, model_type)
        for scope in scopes:
            try:
                _watch(database, storage, model_type, scope, watching)
            except UnavailableError:
                raise
            except BugFlowError as error:  # A damaged version, or somebody was faster; the others are looked at, too.
                log.warning("model_not_watched", model_type=model_type, scope=scope, error=str(error))


def _watch(database: Database, storage: Storage, model_type: ModelType, scope: str, options: WatchOptions) -> None:
    """Look without keeping any writer waiting, and again where there is something to do."""
    with database.snapshot() as session:
        decision = should_roll_back(session, storage, model_type, precision=options.precision, scope=scope)
    if decision.is_worse:
        with database.transaction() as session:
            watch_model(session, storage, model_type, scope=scope, options=options, now=utc_now())


def watch_model(
    session: Session, storage: Storage, model_type: ModelType, *, scope: str, options: WatchOptions, now: datetime
) -> RollBackDecision:
    """Go back from a version in use that is worse, where that is wished and possible; tell in any case.

    Raises:
        BugFlowError: As `roll_back` says.
    """
    decision = should_roll_back(session, storage, model_type, precision=options.precision, scope=scope)
    if not decision.is_worse:
        return decision
    said = decision.says
    if decision.roll_back and options.automatic_rollback:
        change = roll_back(
            session,
            storage,
            model_type,
            actor=build_system_actor("job"),
            now=now,
            reason=decision.says[:LONGEST_REASON],
            scope=scope,
        )
        said = f"{model_type}: back to {change.version or 'what comes with BugFlow'}. {decision.says}"
        log.warning("model_rolled_back", model_type=model_type, scope=scope, version=change.version, reason=said)
    since = "" if decision.since is None else f"{decision.since:%Y%m%d%H%M%S}"
    tell_of_models(session, said, event_key=f"worse:{decision.version}:{since}", now=now)
    return decision


@job(schedule="0 7 * * *")
def tell_of_alarms(database: Database, storage: Storage, watching: WatchOptions) -> None:
    """Tell those who look after models what is not as it should be; of each such thing once a month."""
    tell_alarms(database, storage, watching, now=utc_now())


def tell_alarms(database: Database, storage: Storage, options: WatchOptions, *, now: datetime) -> None:
    """Do what `tell_of_alarms` does, at a moment.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    with database.snapshot() as session:
        alarms = find_alarms(session, storage, viewer=build_system_actor("job"), options=options, now=now)
    with database.transaction() as session:
        for alarm in alarms:
            if alarm.severity in TOLD and alarm.kind != "worse":  # That is told when it is found.
                tell_of_models(session, alarm.says, event_key=_name_alarm(alarm, now), now=now)


def _name_alarm(alarm: Alarm, now: datetime) -> str:
    return f"alarm:{alarm.kind}:{alarm.model_type or 'all'}:{alarm.scope}:{now:%Y-%m}"


def tell_of_models(session: Session, summary: str, *, event_key: str, now: datetime) -> None:
    """Tell everybody who may choose models; told twice, they hear of it once."""
    reasons = dict.fromkeys(list_keepers(session), LOOKS_AFTER)
    happening = Happening(kind="models", summary=summary, event_key=event_key[:LONGEST_KEY], actor_id=None)
    notify(session, None, reasons, happening, now=now)


def list_keepers(session: Session) -> list[int]:
    """Return the active users who may choose models."""
    roles = [role for role in Role if Permission.MANAGE_MODELS in PERMISSIONS[role]]
    return list(session.scalars(select(User.id).where(User.is_active, User.role.in_(roles)).order_by(User.id)))
