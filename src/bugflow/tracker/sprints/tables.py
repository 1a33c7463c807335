"""Sprints and the history of their membership."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime


class Sprint(Table):
    """A time box of one project. A project has at most one active sprint."""

    __tablename__ = "sprints"
    __table_args__ = (
        Index(
            "uq_sprints_one_active",
            "project_id",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
        Index("ix_sprints_project_starts", "project_id", "starts_on"),
        CheckConstraint("state IN ('planned', 'active', 'completed')", name="state"),
        CheckConstraint("ends_on >= starts_on", name="ends_after_start"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(120))
    goal: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(String(10), default="planned")
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    capacity_hours: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 -- SQLAlchemy's declaration.


class SprintMembership(Table):
    """An issue's stay in a sprint; `removed_at` is empty while it lasts.

    Committed sizes are those at the sprint's start, or at joining it later; final ones those at its end. `outcome` is
    set when the sprint is completed, and says it for good.
    """

    __tablename__ = "sprint_memberships"
    __table_args__ = (
        Index("ix_sprint_memberships_sprint", "sprint_id", "added_at"),
        Index(
            "uq_sprint_memberships_one_open",
            "issue_id",
            unique=True,
            sqlite_where=text("removed_at IS NULL"),
            postgresql_where=text("removed_at IS NULL"),
        ),
        CheckConstraint("outcome IN ('completed', 'carried_over')", name="outcome"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sprint_id: Mapped[int] = mapped_column(ForeignKey("sprints.id"))
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"), index=True)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    added_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    removed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    removed_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    outcome: Mapped[str | None] = mapped_column(String(15))
    committed_points: Mapped[float | None]
    committed_hours: Mapped[float | None]
    final_points: Mapped[float | None]
    final_hours: Mapped[float | None]
