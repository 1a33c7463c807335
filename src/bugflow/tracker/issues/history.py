"""Reading the history of an issue as far as one may see what it names."""

from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.queries import HIDDEN, list_changes, visible_to
from bugflow.tracker.issues.tables import Issue, IssueChange
from bugflow.tracker.issues.vocabulary import RELATION_KINDS


def list_visible_changes(
    session: Session, viewer: Actor, issue: Issue, *, after_id: int = 0, limit: int = 100
) -> Sequence[tuple[IssueChange, User | None]]:
    """Return the history of the issue's fields without naming related issues that the viewer may not see."""
    rows = list_changes(session, issue, after_id=after_id, limit=limit)
    named = {key for change, _ in rows if change.field in RELATION_KINDS for key in (change.old, change.new) if key}
    if not named:
        return rows
    here = set(session.scalars(select(Issue.key).where(Issue.key.in_(named))))
    hidden = here - set(session.scalars(select(Issue.key).where(Issue.key.in_(named), visible_to(viewer))))
    return [(_without_keys(change, hidden), actor) for change, actor in rows]


def _without_keys(change: IssueChange, hidden: Collection[str]) -> IssueChange:
    if change.field not in RELATION_KINDS or not {change.old, change.new} & set(hidden):
        return change
    values = {name: getattr(change, name) for name in ("id", "issue_id", "actor_id", "at", "field")}
    old, new = (HIDDEN if each in hidden else each for each in (change.old, change.new))
    return IssueChange(**values, old=old, new=new)  # For showing only: no session has it.
