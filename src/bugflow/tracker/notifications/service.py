"""Telling people, once each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bugflow.core.jobs.events import announce
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.notifications.audience import keep_those_who_see
from bugflow.tracker.notifications.events import MailWanted
from bugflow.tracker.notifications.queries import get_preference
from bugflow.tracker.notifications.tables import Notification
from bugflow.tracker.notifications.wishes import MAIL_CHANNELS, Kind, resolve_channels
from bugflow.tracker.sprints.tables import Sprint

LONGEST_SUMMARY = 500
KIND_OF_REASON: dict[str, Kind] = {"mention": "mentioned", "assignee": "assigned"}


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What is told. `event_key` names it: told twice, a user hears of it once.

    Attributes:
        kind: For those with no closer reason: whom it mentions, or who is newly assigned, is told that.
        actor_id: Who did it, and so is not told.
    """

    kind: Kind
    summary: str
    event_key: str
    actor_id: int | None


def notify(
    session: Session, subject: Issue | Sprint | None, reasons: Mapping[int, str], happening: Happening, *, now: datetime
) -> None:
    """Tell users of something, with the reason why each; not who did it, nor who wants no such news or may not see it.

    A mail wanted at once is announced in the same transaction. News of models have no subject.
    """
    wanted = {user_id for user_id in reasons if user_id != happening.actor_id}
    wanted = keep_those_who_see(session, subject, wanted) - _those_told(session, wanted, happening.event_key)
    rows = []
    for user_id in sorted(wanted):
        kind = KIND_OF_REASON.get(reasons[user_id], happening.kind)
        channel = resolve_channels(get_preference(session, user_id))[kind]
        if channel == "off":
            continue
        rows.append(
            Notification(
                user_id=user_id,
                issue_id=subject.id if isinstance(subject, Issue) else None,
                sprint_id=subject.id if isinstance(subject, Sprint) else None,
                actor_id=happening.actor_id,
                kind=kind,
                reason=reasons[user_id],
                summary=happening.summary[:LONGEST_SUMMARY],
                event_key=happening.event_key,
                created_at=now,
                channel=channel,
                mail_state="waiting" if channel in MAIL_CHANNELS else None,
            )
        )
    session.add_all(rows)
    session.flush()
    for row in rows:
        if row.channel == "immediate":
            announce(session, MailWanted(notification_id=row.id))


def _those_told(session: Session, user_ids: Iterable[int], event_key: str) -> set[int]:
    return set(
        session.scalars(
            select(Notification.user_id).where(
                Notification.user_id.in_(set(user_ids)), Notification.event_key == event_key
            )
        )
    )


def mark_read(
    session: Session, user_id: int, *, now: datetime, up_to: int | None = None, only: int | None = None
) -> None:
    """Mark a user's notifications as read: all, those up to a number, or only one."""
    statement = update(Notification).where(Notification.user_id == user_id, Notification.read_at.is_(None))
    if up_to is not None:
        statement = statement.where(Notification.id <= up_to)
    if only is not None:
        statement = statement.where(Notification.id == only)
    session.execute(statement.values(read_at=now))
