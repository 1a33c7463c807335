"""The predictions ledger."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime


class Prediction(Table):
    """What a model thought of one field of a report, and what became of it.

    `issue_id` is none for a draft that nobody has reported; `draft_key` is a digest by which its report is found again.
    `part` is what the model was there for: `champion`, `shadow` (nobody sees it) or `ab` (the challenger, seen instead
    of the champion). `outcome` is none until a person has set or confirmed the field: then `truth` is what they said,
    and `settled_by` their role. What the same version says again of the same issue, field and part is the same row.
    """

    __tablename__ = "predictions"
    __table_args__ = (
        Index("ix_predictions_field", "field", "created_at"),
        Index("ix_predictions_version", "model_version", "created_at"),
        Index("ix_predictions_draft", "draft_key"),
        CheckConstraint("part IN ('champion', 'shadow', 'ab')", name="part"),
        CheckConstraint("band IN ('sure', 'suggested', 'unsure')", name="band"),
        CheckConstraint("outcome IN ('right', 'wrong')", name="outcome"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    issue_id: Mapped[int | None] = mapped_column(ForeignKey("issues.id"))
    draft_key: Mapped[str | None] = mapped_column(String(64))
    field: Mapped[str] = mapped_column(String(20))
    label: Mapped[str | None] = mapped_column(String(120))
    probability: Mapped[float | None]
    threshold: Mapped[float | None]
    band: Mapped[str] = mapped_column(String(10))
    method: Mapped[str] = mapped_column(String(60))
    model_version: Mapped[str | None] = mapped_column(String(120))
    part: Mapped[str] = mapped_column(String(10))
    shown: Mapped[bool]
    latency_ms: Mapped[float]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    truth: Mapped[str | None] = mapped_column(String(120))
    outcome: Mapped[str | None] = mapped_column(String(10))
    settled_by: Mapped[str | None] = mapped_column(String(20))
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


VERSION = text("coalesce(model_version, '')")
"""Rules have no version; literally as in the indexes, or the database does not find them."""
REPORTED, DRAFTED = text("issue_id IS NOT NULL"), text("issue_id IS NULL")

Index(
    "uq_predictions_issue",
    Prediction.issue_id,
    Prediction.field,
    Prediction.part,
    VERSION,
    unique=True,
    sqlite_where=REPORTED,
    postgresql_where=REPORTED,
)
Index(
    "uq_predictions_draft",
    Prediction.draft_key,
    Prediction.field,
    Prediction.part,
    VERSION,
    unique=True,
    sqlite_where=DRAFTED,
    postgresql_where=DRAFTED,
)
