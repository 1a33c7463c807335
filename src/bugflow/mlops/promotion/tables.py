"""Which model was used when, and why, which no row of the database ever forgets; and which version is being tried."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Json, Table, UtcDateTime


class ModelChange(Table):
    """Another model is used from now on; `version` and `before` are none for what comes with BugFlow.

    `number` counts the changes of one type and scope, so that two at once cannot both follow the same one. `passed` is
    whether the version passed its checks; none where it was never judged.
    """

    __tablename__ = "model_changes"
    __table_args__ = (UniqueConstraint("model_type", "scope", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model_type: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    verb: Mapped[str] = mapped_column(String(12))
    version: Mapped[str | None] = mapped_column(String(120))
    before: Mapped[str | None] = mapped_column(String(120))
    passed: Mapped[bool | None]
    reason: Mapped[str] = mapped_column(String(500))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    actor_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class ModelTrial(Table):
    """A version that passed its checks is tried on what is reported, before it is used.

    `open_key` is `TYPE/SCOPE` while it is tried and none afterwards, so that there is one challenger at a time.
    `stage` is `shadow`, where nobody sees what it says, or `ab`, where it answers for the share `share` of the issues;
    `later` are the stages that follow. `started_at` is when the stage began. `outcome` is `promoted`, `dropped` or
    `replaced` by a later candidate; `says` tells why, in a sentence, and `figures` what was counted.
    """

    __tablename__ = "model_trials"
    __table_args__ = (
        Index("ix_model_trials_type", "model_type", "scope", "id"),
        CheckConstraint("stage IN ('shadow', 'ab')", name="stage"),
        CheckConstraint("outcome IN ('promoted', 'dropped', 'replaced')", name="outcome"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    model_type: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(40))
    open_key: Mapped[str | None] = mapped_column(String(70), unique=True)
    version: Mapped[str] = mapped_column(String(120))
    champion: Mapped[str | None] = mapped_column(String(120))
    stage: Mapped[str] = mapped_column(String(10))
    later: Mapped[list[str]] = mapped_column(Json, default=list)
    share: Mapped[float] = mapped_column(default=0.0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None] = mapped_column(String(10))
    says: Mapped[str] = mapped_column(String(1000), default="")
    figures: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
