"""Which features were switched off and on; the database itself refuses to change or delete a row."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime


class FeatureSwitch(Table):
    """A feature was switched on or off; the latest row of a feature and project says how it is.

    `feature` is a model type; `project_id` is none for all projects.
    """

    __tablename__ = "feature_switches"
    __table_args__ = (Index("ix_feature_switches_feature", "feature", "project_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(String(20))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    is_on: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(500))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    actor_name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
