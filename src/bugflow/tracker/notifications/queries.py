"""Reading a user's notifications."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.issues.queries import visible_to as issue_visible_to
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.notifications.tables import Notification, NotificationPreference
from bugflow.tracker.projects.queries import visible_to as project_visible_to
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.sprints.tables import Sprint


def list_notifications(
    session: Session, viewer: Actor, *, unread: bool = False, before_id: int | None = None, limit: int = 50
) -> Sequence[tuple[Notification, Issue | None, Sprint | None]]:
    """Return notifications with issue or sprint, newest first, beginning below `before_id`.

    What the viewer may not see any more is left out.
    """
    statement = (
        select(Notification, Issue, Sprint)
        .outerjoin(Issue, Issue.id == Notification.issue_id)
        .outerjoin(Sprint, Sprint.id == Notification.sprint_id)
        .where(_readable_by(viewer))
    )
    if unread:
        statement = statement.where(Notification.read_at.is_(None))
    if before_id is not None:
        statement = statement.where(Notification.id < before_id)
    rows = session.execute(statement.order_by(Notification.id.desc()).limit(limit))
    return [(notification, issue, sprint) for notification, issue, sprint in rows]


def count_unread(session: Session, viewer: Actor) -> int:
    """Return how many notifications a user has not read."""
    unread = select(func.count(Notification.id)).where(_readable_by(viewer), Notification.read_at.is_(None))
    return session.scalar(unread) or 0


def _readable_by(viewer: Actor) -> ColumnElement[bool]:
    issues = select(Issue.id).where(Issue.id == Notification.issue_id, issue_visible_to(viewer))
    sprints = (
        select(Sprint.id)
        .join(Project, Project.id == Sprint.project_id)
        .where(Sprint.id == Notification.sprint_id, project_visible_to(viewer))
    )
    of_issue = and_(Notification.sprint_id.is_(None), issues.correlate(Notification).exists())
    may_see_models = true() if viewer.may(Permission.MANAGE_MODELS) else false()
    of_models = and_(Notification.issue_id.is_(None), Notification.sprint_id.is_(None), may_see_models)
    return and_(
        Notification.user_id == viewer.user_id,
        or_(of_issue, sprints.correlate(Notification).exists(), of_models),
    )


def get_preference(session: Session, user_id: int) -> NotificationPreference:
    """Return a user's wishes; the defaults where there are none, not yet stored."""
    found = session.get(NotificationPreference, user_id)
    return found or NotificationPreference(user_id=user_id, channels={}, digest_every="day", digest_hour=8)
