"""Looking after the models in use, and those that are tried."""

import structlog
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import job
from bugflow.core.storage import Storage
from bugflow.mlops.promotion.ledger import mend_aliases
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.reviewing import review_trial
from bugflow.mlops.promotion.trials import (
    drop,
    end_overtaken,
    find_trial,
    go_on,
    list_open_trials,
    show_challenger,
)
from bugflow.mlops.registry.store import clear_challenger, find_challenger
from bugflow.mlops.registry.versions import GLOBAL, MODEL_TYPES
from bugflow.tracker.accounts.actor import build_system_actor


@job(schedule="*/5 * * * *")
def review_trials(session: Session, storage: Storage, promotion_policy: Policy) -> None:
    """Let each version that is tried go on, wait or be dropped, and make the storage name what is tried."""
    actor, now = build_system_actor("job"), utc_now()
    for trial in list_open_trials(session):
        if end_overtaken(session, storage, trial, now=now):
            continue
        review = review_trial(session, trial, promotion_policy, now=now)
        trial.figures = review.figures
        if review.decision == "go on":
            go_on(session, storage, trial, policy=promotion_policy, actor=actor, now=now, says=review.says)
        elif review.decision == "drop":
            drop(session, storage, trial, actor=actor, now=now, says=review.says)
        else:
            trial.says = review.says
            show_challenger(storage, trial, now=now)
    for model_type in MODEL_TYPES:  # What a process that was killed has left named.
        if find_trial(session, model_type) is None and find_challenger(storage, model_type) is not None:
            clear_challenger(storage, model_type, GLOBAL)


log = structlog.get_logger()


@job(schedule="*/10 * * * *")
def mend_models_in_use(database: Database, storage: Storage) -> None:
    """Put back what names a model in use where a change of it was broken off."""
    mended = mend_aliases(database, storage, now=utc_now())
    for sentence in mended.done:
        log.warning("model_alias_mended", found=sentence)
    for sentence in mended.problems:
        log.error("model_alias_not_mended", problem=sentence)
