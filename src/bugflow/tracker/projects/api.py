"""Projects, members and vocabularies over HTTP, under /api/v1/projects."""

from typing import Annotated, TypeVar

from fastapi import Path, Query, status
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.queries import get_user
from bugflow.tracker.projects.errors import VocabularyNotFoundError
from bugflow.tracker.projects.queries import get_project, list_members, list_projects
from bugflow.tracker.projects.schemas import (
    EntryCreate,
    EntryPatch,
    EntryRead,
    MemberRead,
    ProjectCreate,
    ProjectPatch,
    ProjectRead,
    SeverityCreate,
    SeverityRead,
)
from bugflow.tracker.projects.service import (
    add_component,
    add_member,
    add_severity,
    add_team,
    change_entry,
    change_project,
    create_project,
    remove_member,
)
from bugflow.tracker.projects.tables import Component, Project, Severity, Team
from bugflow.tracker.projects.vocabularies import list_components, list_severities, list_teams

router = Router(prefix="/projects", tags=["projects"])
vocabularies = Router(tags=["teams and severities"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Changeable = TypeVar("Changeable", Team, Severity, Component)


@router.get("")
def read_projects(
    session: ReadSession, actor: ActorDep, *, archived: Annotated[bool, Query(description="Archived ones.")] = False
) -> list[ProjectRead]:
    """List the projects you may see."""
    return [ProjectRead.model_validate(each) for each in list_projects(session, actor, archived=archived)]


@router.post("", status_code=status.HTTP_201_CREATED)
def create(body: ProjectCreate, session: WriteSession, actor: ActorDep) -> ProjectRead:
    """Create a project (project managers)."""
    project = create_project(session, **body.model_dump(), actor=actor, now=utc_now())
    return ProjectRead.model_validate(project)


@router.get("/{project}")
def read(project: str, session: ReadSession, actor: ActorDep) -> ProjectRead:
    """Read a project by UUID, key or name."""
    return ProjectRead.model_validate(get_project(session, actor, project))


@router.patch("/{project}")
def change(project: str, body: ProjectPatch, session: WriteSession, actor: ActorDep) -> ProjectRead:
    """Change, archive or restore a project (project managers)."""
    found = get_project(session, actor, project)
    given = {field: value for field, value in body.model_dump(exclude_unset=True).items() if value is not None}
    change_project(session, found, changes=given, actor=actor, now=utc_now())
    return ProjectRead.model_validate(found)


@router.get("/{project}/members")
def read_members(project: str, session: ReadSession, actor: ActorDep) -> list[MemberRead]:
    """List the members of a project."""
    found = get_project(session, actor, project)
    return [MemberRead.model_validate(user) for user in list_members(session, found)]


@router.put("/{project}/members/{user}", status_code=status.HTTP_204_NO_CONTENT)
def join(project: str, user: str, session: WriteSession, actor: ActorDep) -> None:
    """Make a user a member (project managers)."""
    add_member(session, get_project(session, actor, project), get_user(session, user), actor=actor, now=utc_now())


@router.delete("/{project}/members/{user}", status_code=status.HTTP_204_NO_CONTENT)
def leave(project: str, user: str, session: WriteSession, actor: ActorDep) -> None:
    """End a membership (project managers)."""
    remove_member(session, get_project(session, actor, project), get_user(session, user), actor=actor, now=utc_now())


@router.get("/{project}/teams")
def read_teams(project: str, session: ReadSession, actor: ActorDep) -> list[EntryRead]:
    """List the teams in use in a project."""
    found = get_project(session, actor, project)
    return [EntryRead.model_validate(team) for team in list_teams(session, found.id)]


@router.post("/{project}/teams", status_code=status.HTTP_201_CREATED)
def create_own_team(project: str, body: EntryCreate, session: WriteSession, actor: ActorDep) -> EntryRead:
    """Give the project a team of its own; from then on it uses only its own (project managers)."""
    found = get_project(session, actor, project)
    return EntryRead.model_validate(add_team(session, name=body.name, project=found, actor=actor, now=utc_now()))


@router.get("/{project}/severities")
def read_severities(project: str, session: ReadSession, actor: ActorDep) -> list[SeverityRead]:
    """List the severities in use in a project, mildest first."""
    found = get_project(session, actor, project)
    return [SeverityRead.model_validate(each) for each in list_severities(session, found.id)]


@router.post("/{project}/severities", status_code=status.HTTP_201_CREATED)
def create_own_severity(project: str, body: SeverityCreate, session: WriteSession, actor: ActorDep) -> SeverityRead:
    """Give the project a severity of its own; from then on it uses only its own (project managers)."""
    found = get_project(session, actor, project)
    added = add_severity(session, name=body.name, rank=body.rank, project=found, actor=actor, now=utc_now())
    return SeverityRead.model_validate(added)


@router.get("/{project}/components")
def read_components(project: str, session: ReadSession, actor: ActorDep) -> list[EntryRead]:
    """List the components of a project."""
    found = get_project(session, actor, project)
    return [EntryRead.model_validate(each) for each in list_components(session, found.id)]


@router.post("/{project}/components", status_code=status.HTTP_201_CREATED)
def create_component(project: str, body: EntryCreate, session: WriteSession, actor: ActorDep) -> EntryRead:
    """Add a component (project managers)."""
    found = get_project(session, actor, project)
    return EntryRead.model_validate(add_component(session, found, name=body.name, actor=actor, now=utc_now()))


@vocabularies.get("/teams")
def read_shared_teams(session: ReadSession, _: ActorDep) -> list[EntryRead]:
    """List the installation's teams."""
    return [EntryRead.model_validate(team) for team in list_teams(session, None)]


@vocabularies.post("/teams", status_code=status.HTTP_201_CREATED)
def create_shared_team(body: EntryCreate, session: WriteSession, actor: ActorDep) -> EntryRead:
    """Add a team to the installation (project managers)."""
    return EntryRead.model_validate(add_team(session, name=body.name, project=None, actor=actor, now=utc_now()))


@vocabularies.patch("/teams/{number}")
def change_team(number: Number, body: EntryPatch, session: WriteSession, actor: ActorDep) -> EntryRead:
    """Rename, archive or restore a team; its issues keep it (project managers)."""
    return EntryRead.model_validate(_change(session, Team, number, body, actor))


@vocabularies.get("/severities")
def read_shared_severities(session: ReadSession, _: ActorDep) -> list[SeverityRead]:
    """List the installation's severities, mildest first."""
    return [SeverityRead.model_validate(each) for each in list_severities(session, None)]


@vocabularies.post("/severities", status_code=status.HTTP_201_CREATED)
def create_shared_severity(body: SeverityCreate, session: WriteSession, actor: ActorDep) -> SeverityRead:
    """Add a severity to the installation (project managers)."""
    added = add_severity(session, name=body.name, rank=body.rank, project=None, actor=actor, now=utc_now())
    return SeverityRead.model_validate(added)


@vocabularies.patch("/severities/{number}")
def change_severity(number: Number, body: EntryPatch, session: WriteSession, actor: ActorDep) -> SeverityRead:
    """Rename, archive or restore a severity; its issues keep it (project managers)."""
    return SeverityRead.model_validate(_change(session, Severity, number, body, actor))


@vocabularies.patch("/components/{number}")
def change_component(number: Number, body: EntryPatch, session: WriteSession, actor: ActorDep) -> EntryRead:
    """Rename, archive or restore a component; its issues keep it (project managers)."""
    return EntryRead.model_validate(_change(session, Component, number, body, actor))


def _change(session: Session, table: type[Changeable], number: int, body: EntryPatch, actor: ActorDep) -> Changeable:
    entry = session.get(table, number)
    if entry is None:
        raise VocabularyNotFoundError(table.__name__.lower(), number)
    if entry.project_id is not None:
        get_project(session, actor, str(session.get_one(Project, entry.project_id).uuid))
    change_entry(session, entry, name=body.name, archived=body.archived, actor=actor, now=utc_now())
    return entry
