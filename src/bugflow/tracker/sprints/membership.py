"""Putting issues into sprints and taking them out, with the history of it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.changes import FieldChange
from bugflow.tracker.issues.service import record_field_change
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.sprints.errors import SprintFieldError, SprintStateError
from bugflow.tracker.sprints.tables import Sprint, SprintMembership


def add_issues(session: Session, sprint: Sprint, issues: Sequence[Issue], *, actor: Actor, now: datetime) -> int:
    """Put issues into a sprint that is open for planning, out of the one they are in; return how many are new.

    Raises:
        SprintStateError: The sprint is completed.
        SprintFieldError: An issue is of another project.
    """
    if sprint.state == "completed":
        raise SprintStateError(sprint.name, sprint.state, "given issues")
    for issue in issues:
        if issue.project_id != sprint.project_id:
            raise SprintFieldError("issues", f"{issue.key} is of another project than sprint {sprint.name!r}.")
    moved = [issue for issue in issues if issue.sprint_id != sprint.id]
    for issue in moved:
        source = session.get(Sprint, issue.sprint_id) if issue.sprint_id is not None else None
        if source is not None:
            leave(session, issue, source, actor=actor, now=now)
        enter(session, issue, sprint, source=source, actor=actor, now=now)
    return len(moved)


def remove_issues(session: Session, sprint: Sprint, issues: Sequence[Issue], *, actor: Actor, now: datetime) -> int:
    """Take issues out of a sprint that is open for planning, into the backlog; return how many were in it.

    Raises:
        SprintStateError: The sprint is completed.
    """
    if sprint.state == "completed":
        raise SprintStateError(sprint.name, sprint.state, "changed")
    present = [issue for issue in issues if issue.sprint_id == sprint.id]
    for issue in present:
        leave(session, issue, sprint, actor=actor, now=now)
        enter(session, issue, None, source=sprint, actor=actor, now=now)
    return len(present)


def leave(session: Session, issue: Issue, sprint: Sprint, *, actor: Actor, now: datetime) -> None:
    """End an issue's stay in a sprint; `enter` says where it goes."""
    membership = session.scalars(
        select(SprintMembership).where(
            SprintMembership.issue_id == issue.id,
            SprintMembership.sprint_id == sprint.id,
            SprintMembership.removed_at.is_(None),
        )
    ).first()
    if membership is not None:
        membership.removed_at, membership.removed_by_id = now, actor.user_id
        if membership.outcome is None:
            membership.final_points, membership.final_hours = issue.story_points, issue.estimated_hours
        session.flush()


def enter(
    session: Session, issue: Issue, sprint: Sprint | None, *, source: Sprint | None, actor: Actor, now: datetime
) -> None:
    """Begin an issue's stay in a sprint, or in the backlog, and put the move into its history."""
    issue.sprint_id = sprint.id if sprint is not None else None
    if sprint is not None:
        session.add(
            SprintMembership(
                sprint_id=sprint.id,
                issue_id=issue.id,
                added_at=now,
                added_by_id=actor.user_id,
                committed_points=issue.story_points,
                committed_hours=issue.estimated_hours,
            )
        )
    change = FieldChange("sprint", source.name if source else None, sprint.name if sprint else None)
    record_field_change(session, issue, change, actor=actor, now=now)
