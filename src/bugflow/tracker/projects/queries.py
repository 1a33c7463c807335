"""Reading projects: only those that the reader may see."""

from collections.abc import Sequence
from functools import lru_cache
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, bindparam, func, or_, select, true
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.projects.errors import ProjectNotFoundError
from bugflow.tracker.projects.tables import Project, ProjectMember

KEPT_STATEMENTS = 500
"""For so many people statements are kept, which cost more to build than to run."""


def visible_to(viewer: Actor) -> ColumnElement[bool]:
    """The condition that a project may be seen: internal, or the viewer is a member, or an administrator."""
    if viewer.may(Permission.SEE_ALL_PROJECTS):
        return true()
    own = select(ProjectMember.project_id).where(ProjectMember.user_id == viewer.user_id)
    return or_(Project.visibility == "internal", Project.id.in_(own))


def list_projects(session: Session, viewer: Actor, *, archived: bool = False) -> Sequence[Project]:
    """Return the projects that the viewer may see, by key."""
    condition = Project.archived_at.is_not(None) if archived else Project.archived_at.is_(None)
    return session.scalars(select(Project).where(visible_to(viewer), condition).order_by(Project.key)).all()


def get_project(session: Session, viewer: Actor, reference: str | int | UUID) -> Project:
    """Return a visible project by UUID, key or name; key and name in any case.

    Raises:
        ProjectNotFoundError: There is none, or the viewer may not see it.
    """
    named = str(reference).strip()
    try:
        found = session.scalars(_select_visible(viewer, by_uuid=True), {"wanted": UUID(named)})
    except ValueError:
        found = session.scalars(_select_visible(viewer, by_uuid=False), {"wanted": named.lower()})
    project = found.first()
    if project is None:
        raise ProjectNotFoundError(reference, [each.key for each in list_projects(session, viewer)][:20])
    return project


@lru_cache(KEPT_STATEMENTS)
def _select_visible(viewer: Actor, *, by_uuid: bool) -> Select[Project]:
    if by_uuid:
        return select(Project).where(Project.uuid == bindparam("wanted"), visible_to(viewer))
    by_key = func.lower(Project.key) == bindparam("wanted", type_=String)
    named = or_(by_key, func.lower(Project.name) == bindparam("wanted", type_=String))
    return select(Project).where(named, visible_to(viewer)).order_by(by_key.desc(), Project.id)


def list_members(session: Session, project: Project) -> Sequence[User]:
    """Return the members of a project by name."""
    return session.scalars(
        select(User)
        .join(ProjectMember, ProjectMember.user_id == User.id)
        .where(ProjectMember.project_id == project.id)
        .order_by(User.name, User.id)
    ).all()
