"""The ledger of duplicates, of which the database itself refuses to change or delete a row; profiles of issues."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bugflow.core.database import Json, Table, UtcDateTime


class DuplicateVerdict(Table):
    """A person said whether two issues are the same bug: the pair, what was said, by whom and on what evidence.

    The pair is the one that was judged: of a merge the issue and the one that was named; of a rejection the newer issue
    and the older one. `canonical_id` is the issue that a merge made, or an unmerge found, the source a duplicate of.

    A merge also has what taking it back needs: how far the source was, and which of its duplicates came along.
    """

    __tablename__ = "duplicate_verdicts"
    __table_args__ = (
        Index("ix_duplicate_verdicts_source", "source_id", "id"),
        Index("ix_duplicate_verdicts_target", "target_id", "id"),
        CheckConstraint("verdict IN ('merged', 'unmerged', 'rejected', 'withdrawn')", name="verdict"),
        CheckConstraint("source_id <> target_id", name="not_itself"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    verdict: Mapped[str] = mapped_column(String(10))
    source_id: Mapped[int] = mapped_column(ForeignKey("issues.id"))
    target_id: Mapped[int] = mapped_column(ForeignKey("issues.id"))
    canonical_id: Mapped[int | None] = mapped_column(ForeignKey("issues.id"))
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    author_role: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    evidence: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    status_before: Mapped[str | None] = mapped_column(String(20))
    resolution_before: Mapped[str | None] = mapped_column(String(20))
    resolved_at_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    repointed: Mapped[list[int]] = mapped_column(Json, default=list)


class IssueProfile(Table):
    """What is kept of an issue's text for comparing it with others; it can always be made again.

    Attributes:
        encoder: Whose vectors it has; empty where it has words only.
        digest: Of the text that it was made of, 32 hexadecimal digits.
        issue_updated_at: When the issue had last been changed when its text was read: while that is the same, so is the
            text.
        profile: As `packing` writes it, in base 64.
    """

    __tablename__ = "issue_profiles"
    __table_args__ = (Index("ix_issue_profiles_written", "written_at"),)

    issue_id: Mapped[int] = mapped_column(ForeignKey("issues.id", ondelete="CASCADE"), primary_key=True)
    encoder: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(32))
    issue_updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    profile: Mapped[str]
