"""Changing projects, their members and their vocabularies."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.projects.errors import NameTakenError, ProjectArchivedError, ProjectKeyTakenError
from bugflow.tracker.projects.tables import Component, Project, ProjectMember, Severity, Team
from bugflow.tracker.projects.vocabularies import ensure_default_vocabularies

Entry = TypeVar("Entry", Team, Severity, Component)


def create_project(
    session: Session,
    *,
    key: str,
    name: str,
    actor: Actor,
    now: datetime,
    description: str = "",
    visibility: str = "internal",
) -> Project:
    """Create a project; who creates it is its first member.

    Raises:
        MissingPermissionError: The actor may not manage projects.
        ProjectKeyTakenError: The key is taken.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    ensure_default_vocabularies(session)
    key = key.upper()
    if session.scalar(select(Project.id).where(Project.key == key)) is not None:
        raise ProjectKeyTakenError(key)
    project = Project(key=key, name=name, description=description, visibility=visibility, created_at=now)
    session.add(project)
    session.flush()
    if actor.user_id is not None:
        session.add(ProjectMember(project_id=project.id, user_id=actor.user_id, joined_at=now))
    record_audit(
        session, actor, "project.created", subject=("project", project.id), now=now, after={"key": key, "name": name}
    )
    return project


def change_project(session: Session, project: Project, *, changes: dict[str, Any], actor: Actor, now: datetime) -> None:
    """Change a project's name, description, visibility or `predictions`, or archive and restore it (`archived`).

    Raises:
        MissingPermissionError: The actor may not manage projects.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    if "archived" in changes:
        archived = bool(changes["archived"])
        if archived != (project.archived_at is not None):
            before["archived"], after["archived"] = not archived, archived
            project.archived_at = now if archived else None
    for field in ("name", "description", "visibility", "predictions"):
        if field in changes and changes[field] != getattr(project, field):
            before[field], after[field] = getattr(project, field), changes[field]
            setattr(project, field, changes[field])
    if after:
        session.flush()
        subject = ("project", project.id)
        record_audit(session, actor, "project.changed", subject=subject, now=now, before=before, after=after)


def require_active(project: Project) -> None:
    """Refuse changes in an archived project.

    Raises:
        ProjectArchivedError: It is archived.
    """
    if project.archived_at is not None:
        raise ProjectArchivedError(project.key)


def add_member(session: Session, project: Project, user: User, *, actor: Actor, now: datetime) -> None:
    """Make a user a member; one that is stays one.

    Raises:
        MissingPermissionError: The actor may not manage projects.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    if session.get(ProjectMember, (project.id, user.id)) is not None:
        return
    session.add(ProjectMember(project_id=project.id, user_id=user.id, joined_at=now))
    session.flush()
    after = {"user": str(user.uuid)}
    record_audit(session, actor, "project.member_added", subject=("project", project.id), now=now, after=after)


def remove_member(session: Session, project: Project, user: User, *, actor: Actor, now: datetime) -> None:
    """End a membership; a user that has none stays without.

    Raises:
        MissingPermissionError: The actor may not manage projects.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    membership = session.get(ProjectMember, (project.id, user.id))
    if membership is None:
        return
    session.delete(membership)
    session.flush()
    before = {"user": str(user.uuid)}
    record_audit(session, actor, "project.member_removed", subject=("project", project.id), now=now, before=before)


def add_team(session: Session, *, name: str, project: Project | None, actor: Actor, now: datetime) -> Team:
    """Add a team to a project, or with no project to the installation.

    Raises:
        MissingPermissionError: The actor may not manage projects.
        NameTakenError: There is a team of this name.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    project_id = project.id if project else None
    _require_free_name(session, Team, name, project_id)
    position = session.scalar(select(func.coalesce(func.max(Team.position), -1)))
    team = Team(name=name, project_id=project_id, position=int(position or 0) + 1)
    return _add_entry(session, team, actor=actor, now=now)


def add_severity(
    session: Session, *, name: str, rank: int, project: Project | None, actor: Actor, now: datetime
) -> Severity:
    """Add a severity; a higher rank is worse.

    Raises:
        MissingPermissionError: The actor may not manage projects.
        NameTakenError: There is a severity of this name.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    project_id = project.id if project else None
    _require_free_name(session, Severity, name, project_id)
    return _add_entry(session, Severity(name=name, rank=rank, project_id=project_id), actor=actor, now=now)


def add_component(session: Session, project: Project, *, name: str, actor: Actor, now: datetime) -> Component:
    """Add a component to a project.

    Raises:
        MissingPermissionError: The actor may not manage projects.
        NameTakenError: There is a component of this name.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    _require_free_name(session, Component, name, project.id)
    return _add_entry(session, Component(name=name, project_id=project.id), actor=actor, now=now)


def change_entry(
    session: Session,
    entry: Team | Severity | Component,
    *,
    name: str | None = None,
    archived: bool | None = None,
    actor: Actor,
    now: datetime,
) -> None:
    """Rename a team, severity or component, or archive and restore it; issues keep it.

    Raises:
        MissingPermissionError: The actor may not manage projects.
        NameTakenError: Another one has this name.
    """
    actor.require(Permission.MANAGE_PROJECTS)
    before = {"name": entry.name, "archived": entry.archived_at is not None}
    if name is not None and name.casefold() != entry.name.casefold():
        _require_free_name(session, type(entry), name, entry.project_id)
    entry.name = name if name is not None else entry.name
    if archived is not None:
        entry.archived_at = (entry.archived_at or now) if archived else None
    session.flush()
    kind = type(entry).__name__.lower()
    after = {"name": entry.name, "archived": entry.archived_at is not None}
    if after != before:
        record_audit(session, actor, f"{kind}.changed", subject=(kind, entry.id), now=now, before=before, after=after)


def ensure_components(session: Session, project: Project, names: Iterable[str]) -> dict[str, int]:
    """Return the number of each component by its name, making those that are missing; used by imports."""
    known = {
        name.casefold(): number
        for number, name in session.execute(
            select(Component.id, Component.name).where(Component.project_id == project.id)
        )
    }
    numbers: dict[str, int] = {}
    for name in names:
        if name.casefold() not in known:
            component = Component(project_id=project.id, name=name)
            session.add(component)
            session.flush()
            known[name.casefold()] = component.id
        numbers[name] = known[name.casefold()]
    return numbers


def _require_free_name(
    session: Session, table: type[Team | Severity | Component], name: str, project_id: int | None
) -> None:
    in_scope = table.project_id.is_(None) if project_id is None else table.project_id == project_id
    if session.scalar(select(table.id).where(func.lower(table.name) == name.lower(), in_scope)) is not None:
        raise NameTakenError(table.__name__.lower(), name)


def _add_entry(session: Session, entry: Entry, *, actor: Actor, now: datetime) -> Entry:
    session.add(entry)
    session.flush()
    kind = type(entry).__name__.lower()
    record_audit(
        session,
        actor,
        f"{kind}.created",
        subject=(kind, entry.id),
        now=now,
        after={"name": entry.name, "project": entry.project_id},
    )
    return entry
