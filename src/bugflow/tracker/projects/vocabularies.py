"""Teams, severities and components: a project's own where it has any, the installation's otherwise."""

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import Integer, bindparam, func, select
from sqlalchemy.orm import Session

from bugflow.tracker.projects.errors import UnknownNameError
from bugflow.tracker.projects.tables import Component, Project, Severity, Team

DEFAULT_TEAMS = ("Backend", "Frontend", "Mobile", "DevOps")
DEFAULT_SEVERITIES = ("low", "medium", "high", "critical")
# Built once: building a statement costs more than running it.
_PROJECT = bindparam("project", type_=Integer)
_TEAMS = (
    select(Team)
    .where(Team.project_id.is_(None) | (Team.project_id == _PROJECT), Team.archived_at.is_(None))
    .order_by(Team.position, Team.id)
)
_SEVERITIES = (
    select(Severity)
    .where(Severity.project_id.is_(None) | (Severity.project_id == _PROJECT), Severity.archived_at.is_(None))
    .order_by(Severity.rank, Severity.id)
)
_COMPONENTS = (
    select(Component)
    .where(Component.project_id == _PROJECT, Component.archived_at.is_(None))
    .order_by(func.lower(Component.name))
)

OwnOrShared = TypeVar("OwnOrShared", Team, Severity)
Named = TypeVar("Named", Team, Severity, Component)


def ensure_default_vocabularies(session: Session) -> None:
    """Give a new installation its teams and severities; leave one that has any alone."""
    if session.scalar(select(func.count()).select_from(Team)) == 0:
        session.add_all(Team(name=name, position=position) for position, name in enumerate(DEFAULT_TEAMS))
    if session.scalar(select(func.count()).select_from(Severity)) == 0:
        session.add_all(Severity(name=name, rank=rank) for rank, name in enumerate(DEFAULT_SEVERITIES, start=1))
    session.flush()


def list_teams(session: Session, project_id: int | None) -> Sequence[Team]:
    """Return the teams in use: the project's own, or the installation's if it has none."""
    return _own_or_shared(session.scalars(_TEAMS, {"project": project_id}).all())


def list_severities(session: Session, project_id: int | None) -> Sequence[Severity]:
    """Return the severities in use, mildest first: the project's own, or the installation's if it has none."""
    return _own_or_shared(session.scalars(_SEVERITIES, {"project": project_id}).all())


def list_components(session: Session, project_id: int) -> Sequence[Component]:
    """Return the components of a project by name."""
    return session.scalars(_COMPONENTS, {"project": project_id}).all()


def get_team(session: Session, project: Project, name: str) -> Team:
    """Return the team of this name, in any case.

    Raises:
        UnknownNameError: The project does not use such a team.
    """
    return _by_name("team", name, list_teams(session, project.id))


def get_severity(session: Session, project: Project, name: str) -> Severity:
    """Return the severity of this name, in any case.

    Raises:
        UnknownNameError: The project does not use such a severity.
    """
    return _by_name("severity", name, list_severities(session, project.id))


def get_component(session: Session, project: Project, name: str) -> Component:
    """Return the component of this name, in any case.

    Raises:
        UnknownNameError: The project has no such component.
    """
    return _by_name("component", name, list_components(session, project.id))


def _own_or_shared(entries: Sequence[OwnOrShared]) -> Sequence[OwnOrShared]:
    own = [entry for entry in entries if entry.project_id is not None]
    return own or entries


def _by_name(field: str, name: str, entries: Sequence[Named]) -> Named:
    wanted = name.strip().casefold()
    for entry in entries:
        if entry.name.casefold() == wanted:
            return entry
    raise UnknownNameError(field, name, [entry.name for entry in entries])
