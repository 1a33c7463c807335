"""Sprints over HTTP, under /api/v1."""

from uuid import UUID

from fastapi import status
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.queries import get_issues
from bugflow.tracker.projects.queries import get_project
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.sprints.membership import add_issues, remove_issues
from bugflow.tracker.sprints.queries import count_issues, get_sprint, list_memberships, list_sprints
from bugflow.tracker.sprints.report import report_sprint
from bugflow.tracker.sprints.schemas import (
    MembershipRead,
    MovedRead,
    ReportRead,
    SprintComplete,
    SprintCreate,
    SprintIssues,
    SprintPatch,
    SprintRead,
    SprintStart,
    State,
)
from bugflow.tracker.sprints.service import (
    change_sprint,
    choose_next_sprint,
    complete_sprint,
    create_sprint,
    delete_sprint,
    open_for_planning,
    start_sprint,
)
from bugflow.tracker.sprints.tables import Sprint

router = Router(tags=["sprints"])


@router.get("/projects/{project}/sprints")
def read_all(project: str, session: ReadSession, actor: ActorDep, state: State | None = None) -> list[SprintRead]:
    """List the sprints of a project in the order they begin."""
    found = get_project(session, actor, project)
    sprints = list_sprints(session, found, state=state)
    counts = count_issues(session, sprints)
    return [SprintRead.of(each, found, issue_count=counts.get(each.id, 0)) for each in sprints]


@router.post("/projects/{project}/sprints", status_code=status.HTTP_201_CREATED)
def create(project: str, body: SprintCreate, session: WriteSession, actor: ActorDep) -> SprintRead:
    """Plan a sprint (project managers)."""
    found = get_project(session, actor, project)
    sprint = create_sprint(session, found, **body.model_dump(), actor=actor, now=utc_now())
    return SprintRead.of(sprint, found, issue_count=0)


@router.get("/sprints/{sprint}")
def read(sprint: UUID, session: ReadSession, actor: ActorDep) -> SprintRead:
    """Read a sprint."""
    return _read(session, get_sprint(session, actor, sprint))


@router.patch("/sprints/{sprint}")
def change(sprint: UUID, body: SprintPatch, session: WriteSession, actor: ActorDep) -> SprintRead:
    """Change name, goal, dates or capacity (project managers). With `version`, a stale edit is refused by 409."""
    found = get_sprint(session, actor, sprint)
    version = body.version
    change_sprint(session, found, changes=body.changes(), actor=actor, now=utc_now(), expected_version=version)
    return _read(session, found)


@router.delete("/sprints/{sprint}", status_code=status.HTTP_204_NO_CONTENT)
def delete(sprint: UUID, session: WriteSession, actor: ActorDep) -> None:
    """Delete a sprint that is planned and empty (project managers)."""
    delete_sprint(session, get_sprint(session, actor, sprint), actor=actor, now=utc_now())


@router.post("/sprints/{sprint}/start")
def start(sprint: UUID, session: WriteSession, actor: ActorDep, body: SprintStart | None = None) -> SprintRead:
    """Start a planned sprint (project managers); a project has one active sprint at most."""
    found = get_sprint(session, actor, sprint)
    start_sprint(session, found, actor=actor, now=utc_now(), expected_version=body.version if body else None)
    return _read(session, found)


@router.post("/sprints/{sprint}/complete")
def complete(sprint: UUID, body: SprintComplete, session: WriteSession, actor: ActorDep) -> SprintRead:
    """Complete the active sprint (project managers), and say where unfinished issues go."""
    found = get_sprint(session, actor, sprint)
    open_for_planning(session, found, actor=actor, expected_version=body.version)
    target = None
    if body.sprint is not None:
        target = get_sprint(session, actor, body.sprint)
    elif body.unfinished == "next" and found.state == "active":
        target = choose_next_sprint(session, found)
    complete_sprint(session, found, target=target, actor=actor, now=utc_now())
    return _read(session, found)


@router.post("/sprints/{sprint}/issues")
def add(sprint: UUID, body: SprintIssues, session: WriteSession, actor: ActorDep) -> MovedRead:
    """Put issues into the sprint (project managers), out of the one they are in: all of them, or none."""
    found = get_sprint(session, actor, sprint)
    open_for_planning(session, found, actor=actor)
    issues = get_issues(session, actor, body.issues)
    return MovedRead(moved=add_issues(session, found, issues, actor=actor, now=utc_now()))


@router.post("/sprints/{sprint}/issues/remove")
def remove_many(sprint: UUID, body: SprintIssues, session: WriteSession, actor: ActorDep) -> MovedRead:
    """Take issues out of the sprint (project managers), into the backlog: all of them, or none."""
    found = get_sprint(session, actor, sprint)
    open_for_planning(session, found, actor=actor)
    issues = get_issues(session, actor, body.issues)
    return MovedRead(moved=remove_issues(session, found, issues, actor=actor, now=utc_now()))


@router.delete("/sprints/{sprint}/issues/{issue}", status_code=status.HTTP_204_NO_CONTENT)
def remove(sprint: UUID, issue: str, session: WriteSession, actor: ActorDep) -> None:
    """Take an issue out of the sprint (project managers), into the backlog."""
    found = get_sprint(session, actor, sprint)
    open_for_planning(session, found, actor=actor)
    remove_issues(session, found, get_issues(session, actor, [issue]), actor=actor, now=utc_now())


@router.get("/sprints/{sprint}/history")
def read_history(sprint: UUID, session: ReadSession, actor: ActorDep) -> list[MembershipRead]:
    """Read which issues were put in and taken out, and when."""
    found = get_sprint(session, actor, sprint)
    rows = list_memberships(session, found, actor)
    return [MembershipRead.of(found, membership, issue) for membership, issue in rows]


@router.get("/sprints/{sprint}/report")
def read_report(sprint: UUID, session: ReadSession, actor: ActorDep) -> ReportRead:
    """Read what was committed, added, removed, completed and carried over, and what remained each day."""
    return ReportRead.model_validate(report_sprint(session, get_sprint(session, actor, sprint), now=utc_now()))


def _read(session: Session, sprint: Sprint) -> SprintRead:
    project = session.get_one(Project, sprint.project_id)
    return SprintRead.of(sprint, project, issue_count=count_issues(session, [sprint]).get(sprint.id, 0))
