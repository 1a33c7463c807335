"""Writing corrections down."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.core.jobs.events import announce
from bugflow.mlops.corrections.events import CorrectionRecorded
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.predictions.queries import find_probability
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission


def record_correction(
    session: Session, *, issue_id: int, field: str, old: str | None, new: str, actor: Actor, now: datetime
) -> None:
    """Append a correction to the ledger, with the probability that was corrected, and announce it.

    Raises:
        MissingPermissionError: The actor may not correct.
    """
    actor.require(Permission.CORRECT_PREDICTIONS)
    if actor.user_id is None:
        raise RuntimeError("A correction needs a person.")
    correction = Correction(
        issue_id=issue_id,
        field=field,
        old_value=old,
        old_probability=None if old is None else find_probability(session, issue_id, field, old),
        new_value=new,
        author_id=actor.user_id,
        author_role=actor.role,
        created_at=now,
    )
    session.add(correction)
    session.flush()
    announce(
        session,
        CorrectionRecorded(issue_id=issue_id, field=field, correction_id=correction.id, actor_id=actor.user_id),
    )


def count_corrections(session: Session) -> int:
    """Return how many corrections the ledger holds."""
    return session.scalar(select(func.count()).select_from(Correction)) or 0
