"""Projects and the vocabularies that issues draw on."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime


class Project(Table):
    """A project. An internal one is visible to everyone signed in, a private one to members and administrators.

    Without `predictions` no model is asked about its reports.
    """

    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    key: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(default="")
    visibility: Mapped[str] = mapped_column(String(10), default="internal")
    last_issue_number: Mapped[int] = mapped_column(default=0)
    predictions: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ProjectMember(Table):
    """A user's membership in a project."""

    __tablename__ = "project_members"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    joined_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Team(Table):
    """A team of the whole installation, or of one project, which then uses only its own."""

    __tablename__ = "teams"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(80))
    position: Mapped[int] = mapped_column(default=0)
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


Index("uq_teams_name", func.coalesce(Team.project_id, 0), func.lower(Team.name), unique=True)


class Severity(Table):
    """A severity of the whole installation, or of one project, which then uses only its own. A higher rank is worse."""

    __tablename__ = "severities"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(40))
    rank: Mapped[int]
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


Index("uq_severities_name", func.coalesce(Severity.project_id, 0), func.lower(Severity.name), unique=True)


class Component(Table):
    """A part of a project's product."""

    __tablename__ = "components"

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(120))
    archived_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


Index("uq_components_name", Component.project_id, text("lower(name)"), unique=True)
