"""Reading sprints: only those of projects that the reader may see."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.queries import visible_to as issue_visible_to
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.queries import visible_to
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.sprints.errors import SprintNotFoundError
from bugflow.tracker.sprints.tables import Sprint, SprintMembership


def find_sprint(session: Session, sprint_id: int) -> Sprint | None:
    """Return a sprint by its number without regard to who may see it; for jobs."""
    return session.get(Sprint, sprint_id)


def get_sprint(session: Session, viewer: Actor, reference: UUID) -> Sprint:
    """Return a sprint of a visible project.

    Raises:
        SprintNotFoundError: There is none, or the viewer may not see it.
    """
    sprint = session.scalars(
        select(Sprint)
        .join(Project, Project.id == Sprint.project_id)
        .where(Sprint.uuid == reference, visible_to(viewer))
        .execution_options(populate_existing=True)
    ).first()
    if sprint is None:
        raise SprintNotFoundError(reference)
    return sprint


def list_sprints(session: Session, project: Project, *, state: str | None = None) -> Sequence[Sprint]:
    """Return the sprints of a project in the order they begin."""
    statement = select(Sprint).where(Sprint.project_id == project.id)
    if state is not None:
        statement = statement.where(Sprint.state == state)
    return session.scalars(statement.order_by(Sprint.starts_on, Sprint.id)).all()


def find_active_sprint(session: Session, project_id: int) -> Sprint | None:
    """Return the project's active sprint."""
    return session.scalars(select(Sprint).where(Sprint.project_id == project_id, Sprint.state == "active")).first()


def find_next_sprint(session: Session, sprint: Sprint) -> Sprint | None:
    """Return the planned sprint of the project that begins first."""
    return session.scalars(
        select(Sprint)
        .where(Sprint.project_id == sprint.project_id, Sprint.state == "planned", Sprint.id != sprint.id)
        .order_by(Sprint.starts_on, Sprint.id)
    ).first()


def count_issues(session: Session, sprints: Sequence[Sprint]) -> dict[int, int]:
    """Return how many issues are in each sprint now, by the sprint's number."""
    rows = session.execute(
        select(Issue.sprint_id, func.count())
        .where(Issue.sprint_id.in_([sprint.id for sprint in sprints]))
        .group_by(Issue.sprint_id)
    )
    return {number: amount for number, amount in rows if number is not None}


def list_memberships(session: Session, sprint: Sprint, viewer: Actor) -> Sequence[tuple[SprintMembership, Issue]]:
    """Return every stay in the sprint, of issues that the viewer may see, first come first."""
    rows = session.execute(
        select(SprintMembership, Issue)
        .join(Issue, Issue.id == SprintMembership.issue_id)
        .where(SprintMembership.sprint_id == sprint.id, issue_visible_to(viewer))
        .order_by(SprintMembership.added_at, SprintMembership.id)
    )
    return [(membership, issue) for membership, issue in rows]


def list_assignee_ids(session: Session, sprint: Sprint) -> set[int]:
    """Return who has an issue in the sprint, or had one when it ended."""
    rows = session.scalars(
        select(Issue.assignee_id)
        .join(SprintMembership, SprintMembership.issue_id == Issue.id)
        .where(
            SprintMembership.sprint_id == sprint.id,
            SprintMembership.removed_at.is_(None) | SprintMembership.outcome.is_not(None),
        )
    )
    return {user_id for user_id in rows if user_id is not None}
