"""Noting as corrections what people change on pages, over the API and in bulk."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.jobs.definition import job
from bugflow.mlops.corrections.service import record_correction
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.registry.versions import TRIAGE_TYPES
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.events import IssueChanged
from bugflow.tracker.issues.tables import IssueChange


@job(on=IssueChanged)
def note_corrections(session: Session, event: IssueChanged) -> None:
    """Append what a person who may correct has replaced; a field that was empty was set, not corrected.

    What `/update_bug` has noted already, in the transaction of the change, is not noted again.
    """
    fields = set(event.fields) & set(TRIAGE_TYPES)
    user = session.get(User, event.actor_id) if fields and event.actor_id is not None else None
    actor = None if user is None else build_actor(user, origin="job")
    first = session.get(IssueChange, event.change_id)
    if actor is None or first is None or not actor.may(Permission.CORRECT_PREDICTIONS):
        return
    changes = session.scalars(
        select(IssueChange)
        .where(IssueChange.issue_id == event.issue_id, IssueChange.id >= first.id, IssueChange.at == first.at)
        .where(IssueChange.actor_id == event.actor_id, IssueChange.field.in_(fields))
        .order_by(IssueChange.id)
    )
    noted = set(
        session.scalars(
            select(Correction.field).where(Correction.issue_id == event.issue_id, Correction.created_at == first.at)
        )
    )
    for change in changes:
        if change.old and change.new and change.field not in noted:
            record_correction(
                session,
                issue_id=change.issue_id,
                field=change.field,
                old=change.old,
                new=change.new,
                actor=actor,
                now=change.at,
            )
