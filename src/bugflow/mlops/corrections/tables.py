"""The corrections ledger; the database itself refuses to change or delete a row of it."""

from datetime import datetime

from sqlalchemy import Float, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Table, UtcDateTime


class Correction(Table):
    """A person replaced a value: what it was, what it became, who said so and when.

    `old_probability` is what the model gave the old value that it had said; none where no model had.
    """

    __tablename__ = "corrections"
    __table_args__ = (Index("ix_corrections_field", "field", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id"), index=True)
    field: Mapped[str] = mapped_column(String(30))
    old_value: Mapped[str | None] = mapped_column(String(120))
    old_probability: Mapped[float | None] = mapped_column(Float)
    new_value: Mapped[str] = mapped_column(String(120))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    author_role: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
