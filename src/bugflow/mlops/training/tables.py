"""Trainings: who or what asked for each, how far it is, and what came of it."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Json, Table, UtcDateTime


class Training(Table):
    """One training of a task, from its order to what was decided about its model.

    `open_key` is `TASK/SCOPE` while it is open and none afterwards, so that there is one at a time. `as_of` is the
    moment whose issues teach. `step` is what was finished last, from where a killed training goes on. `corrections` is
    how many new ones of the field there were then. `run_uuid` is the job's. `then` is what
    became of its model: `used`, `shadow`, `ab` or `kept`. `log` has a line for each step.
    """

    __tablename__ = "trainings"
    __table_args__ = (
        Index("ix_trainings_task", "task", "scope", "id"),
        CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed')", name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(default=uuid4, unique=True)
    task: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(40))
    open_key: Mapped[str | None] = mapped_column(String(70), unique=True)
    state: Mapped[str] = mapped_column(String(10), default="queued")
    trigger: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(500))
    options: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    run_uuid: Mapped[UUID | None]
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    requested_by_name: Mapped[str] = mapped_column(String(200))
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)
    step: Mapped[str] = mapped_column(String(12), default="ordered")
    progress: Mapped[float] = mapped_column(default=0.0)
    log: Mapped[str] = mapped_column(default="")
    corrections: Mapped[int] = mapped_column(default=0)
    n_labelled: Mapped[int | None]
    dataset: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[str | None] = mapped_column(String(120))
    passed: Mapped[bool | None]
    then: Mapped[str | None] = mapped_column(String(10))
    outcome: Mapped[str | None] = mapped_column(String(500))
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
