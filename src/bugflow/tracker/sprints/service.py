"""Planning, starting and completing sprints: one change of a project's sprints at a time."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from bugflow.core.jobs.events import announce
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import FINISHED
from bugflow.tracker.projects.errors import NameTakenError
from bugflow.tracker.projects.service import require_active
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.sprints.errors import (
    AnotherSprintActiveError,
    NoNextSprintError,
    SprintFieldError,
    SprintNotEmptyError,
    SprintStateError,
    StaleSprintError,
)
from bugflow.tracker.sprints.events import SprintCompleted, SprintCreated, SprintStarted
from bugflow.tracker.sprints.membership import enter, leave
from bugflow.tracker.sprints.queries import find_active_sprint, find_next_sprint
from bugflow.tracker.sprints.tables import Sprint, SprintMembership


def create_sprint(
    session: Session,
    project: Project,
    *,
    name: str,
    starts_on: date,
    ends_on: date,
    actor: Actor,
    now: datetime,
    goal: str = "",
    capacity_hours: float | None = None,
) -> Sprint:
    """Plan a sprint.

    Raises:
        MissingPermissionError: The actor may not plan.
        ProjectArchivedError: The project takes no changes.
        NameTakenError: The project has a sprint of this name.
        SprintFieldError: It ends before it begins.
    """
    _prepare(session, project, actor)
    sprint = Sprint(
        project_id=project.id,
        name=_free_name(session, project, name),
        goal=_require_text("goal", goal),
        starts_on=starts_on,
        ends_on=ends_on,
        capacity_hours=capacity_hours,
        created_at=now,
    )
    _require_order(sprint)
    session.add(sprint)
    session.flush()
    _record(session, sprint, "created", actor=actor, now=now, after=_describe(sprint))
    announce(session, SprintCreated(sprint_id=sprint.id, actor_id=actor.user_id))
    return sprint


def change_sprint(
    session: Session,
    sprint: Sprint,
    *,
    changes: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    """Change name, goal, dates or capacity; nothing different leaves no trace.

    Raises:
        StaleSprintError: The sprint has another version than the one that was edited.
        SprintStateError: It is completed.
        NameTakenError: Another sprint of the project has the name.
        SprintFieldError: It would end before it begins.
    """
    project = open_for_planning(session, sprint, actor=actor, expected_version=expected_version)
    if sprint.state == "completed":
        raise SprintStateError(sprint.name, sprint.state, "changed")
    before = _describe(sprint)
    for field, value in changes.items():
        if field == "name":
            sprint.name = _free_name(session, project, value, sprint)
        else:
            setattr(sprint, field, _require_text(field, value) if isinstance(value, str) else value)
    _require_order(sprint)
    after = _describe(sprint)
    changed = [field for field in after if after[field] != before[field]]
    if changed:
        session.flush()
        earlier, later = ({field: values[field] for field in changed} for values in (before, after))
        _record(session, sprint, "changed", actor=actor, now=now, before=earlier, after=later)


def start_sprint(
    session: Session, sprint: Sprint, *, actor: Actor, now: datetime, expected_version: int | None = None
) -> None:
    """Begin a planned sprint: what is in it now is what the team commits to.

    Raises:
        SprintStateError: It is not planned: perhaps somebody has started it already.
        AnotherSprintActiveError: Another sprint of the project is active.
    """
    open_for_planning(session, sprint, actor=actor, expected_version=expected_version)
    if sprint.state != "planned":
        raise SprintStateError(sprint.name, sprint.state, "started")
    active = find_active_sprint(session, sprint.project_id)
    if active is not None:
        raise AnotherSprintActiveError(sprint.name, active.name)
    sprint.state, sprint.started_at = "active", now
    for membership, issue in _open_memberships(session, sprint):
        membership.committed_points, membership.committed_hours = issue.story_points, issue.estimated_hours
    session.flush()
    _record(session, sprint, "started", actor=actor, now=now)
    announce(session, SprintStarted(sprint_id=sprint.id, actor_id=actor.user_id))


def complete_sprint(
    session: Session,
    sprint: Sprint,
    *,
    target: Sprint | None,
    actor: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> None:
    """End the active sprint; unfinished issues go to the target, or to the backlog where there is none.

    Raises:
        SprintStateError: It is not active, or the target is completed.
        SprintFieldError: The target is the sprint itself or of another project.
    """
    open_for_planning(session, sprint, actor=actor, expected_version=expected_version)
    if sprint.state != "active":
        raise SprintStateError(sprint.name, sprint.state, "completed")
    if target is not None:
        _require_target(sprint, target)
    sprint.state, sprint.completed_at = "completed", now
    unfinished = []
    rows = _open_memberships(session, sprint)
    for membership, issue in rows:
        finished = issue.status in FINISHED
        membership.outcome = "completed" if finished else "carried_over"
        membership.final_points, membership.final_hours = issue.story_points, issue.estimated_hours
        if not finished:
            unfinished.append(issue)
    session.flush()
    for issue in unfinished:
        leave(session, issue, sprint, actor=actor, now=now)
        enter(session, issue, target, source=sprint, actor=actor, now=now)
    counts = {"completed": len(rows) - len(unfinished), "carried_over": len(unfinished)}
    _record(session, sprint, "completed", actor=actor, now=now, after=counts)
    announce(session, SprintCompleted(sprint_id=sprint.id, actor_id=actor.user_id, **counts))


def choose_next_sprint(session: Session, sprint: Sprint) -> Sprint:
    """Return the planned sprint that takes what this one leaves unfinished.

    Raises:
        NoNextSprintError: There is none.
    """
    following = find_next_sprint(session, sprint)
    if following is None:
        raise NoNextSprintError(sprint.name)
    return following


def delete_sprint(session: Session, sprint: Sprint, *, actor: Actor, now: datetime) -> None:
    """Delete a planned sprint without issues; the audit log keeps what it was.

    Raises:
        SprintStateError: It has been started.
        SprintNotEmptyError: There are issues in it.
    """
    open_for_planning(session, sprint, actor=actor)
    if sprint.state != "planned":
        raise SprintStateError(sprint.name, sprint.state, "deleted")
    count = session.scalar(select(func.count()).select_from(Issue).where(Issue.sprint_id == sprint.id)) or 0
    if count:
        raise SprintNotEmptyError(sprint.name, count)
    session.execute(delete(SprintMembership).where(SprintMembership.sprint_id == sprint.id))
    _record(session, sprint, "deleted", actor=actor, now=now, before=_describe(sprint))
    session.delete(sprint)
    session.flush()


def open_for_planning(
    session: Session, sprint: Sprint, *, actor: Actor, expected_version: int | None = None
) -> Project:
    """Return the sprint's project, locked until the end of the transaction, and the sprint as it is now.

    Raises:
        MissingPermissionError: The actor may not plan.
        ProjectArchivedError: The project takes no changes.
        StaleSprintError: The sprint has another version than the one that was edited.
    """
    project = session.get_one(Project, sprint.project_id)
    _prepare(session, project, actor)
    session.refresh(sprint)
    if expected_version is not None and expected_version != sprint.version:
        raise StaleSprintError(sprint.name, expected_version, sprint.version)
    return project


def _prepare(session: Session, project: Project, actor: Actor) -> None:
    actor.require(Permission.MANAGE_SPRINTS)
    require_active(project)
    # One at a time, so that two starts at once meet a clear conflict. On SQLite the transaction itself is the lock.
    session.execute(select(Project.id).where(Project.id == project.id).with_for_update(key_share=True))


def _open_memberships(session: Session, sprint: Sprint) -> Sequence[tuple[SprintMembership, Issue]]:
    rows = session.execute(
        select(SprintMembership, Issue)
        .join(Issue, Issue.id == SprintMembership.issue_id)
        .where(SprintMembership.sprint_id == sprint.id, SprintMembership.removed_at.is_(None))
        .order_by(Issue.id)
        .with_for_update(of=Issue)
        .execution_options(populate_existing=True)
    )
    return [(membership, issue) for membership, issue in rows]


def _require_target(sprint: Sprint, target: Sprint) -> None:
    if target.id == sprint.id or target.project_id != sprint.project_id:
        raise SprintFieldError("sprint", "Unfinished issues go to another sprint of the same project.")
    if target.state == "completed":
        raise SprintStateError(target.name, target.state, "given issues")


def _free_name(session: Session, project: Project, name: str, own: Sprint | None = None) -> str:
    wanted = " ".join(_require_text("name", name).split())
    if not wanted:
        raise SprintFieldError("name", "A sprint's name cannot be empty.")
    same = select(Sprint.id).where(Sprint.project_id == project.id, func.lower(Sprint.name) == wanted.lower())
    if own is not None:
        same = same.where(Sprint.id != own.id)
    if session.scalar(same) is not None:
        raise NameTakenError("sprint", wanted)
    return wanted


def _require_text(field: str, text: str) -> str:
    if "\0" in text:
        raise SprintFieldError(field, f"The {field} contains a NUL character. Remove it.")
    return text


def _require_order(sprint: Sprint) -> None:
    if sprint.ends_on < sprint.starts_on:
        raise SprintFieldError("ends_on", f"Sprint {sprint.name!r} would end before it begins.")


def _describe(sprint: Sprint) -> dict[str, Any]:
    return {
        "name": sprint.name,
        "goal": sprint.goal,
        "starts_on": sprint.starts_on.isoformat(),
        "ends_on": sprint.ends_on.isoformat(),
        "capacity_hours": sprint.capacity_hours,
    }


def _record(
    session: Session,
    sprint: Sprint,
    action: str,
    *,
    actor: Actor,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    subject = ("sprint", sprint.id)
    record_audit(session, actor, f"sprint.{action}", subject=subject, now=now, before=before, after=after)
