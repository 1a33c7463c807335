"""Which model was used when, and why; the database itself refuses to change or delete a row."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime


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
