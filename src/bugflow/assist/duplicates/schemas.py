"""Duplicates: what the API takes and gives."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.assist.duplicates.queries import VerdictView
from bugflow.tracker.accounts.schemas import NO_NUL
from bugflow.tracker.issues.schemas import IssueReference, UserBrief
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import Status

MOST_REASONS = 50
ShortText = Annotated[str, StringConstraints(max_length=500, pattern=NO_NUL)]


class EvidenceReason(BaseModel):
    """Something that speaks for two issues being the same bug, or against it."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, StringConstraints(min_length=1, max_length=30, pattern=NO_NUL)] = Field(
        description="Such as `word`, `sentence` or `frame`."
    )
    what: ShortText
    yours: ShortText | None = Field(default=None, description="What the issue itself says, where that is another text.")
    weight: float | None = Field(default=None, allow_inf_nan=False)


class Evidence(BaseModel):
    """What a person saw when they decided; nothing where they found it alone."""

    model_config = ConfigDict(extra="forbid")

    probability: float | None = Field(default=None, ge=0, le=1)
    reasons: list[EvidenceReason] = Field(default_factory=list, max_length=MOST_REASONS)
    model_version: Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what was given."""
        return self.model_dump(mode="json", exclude_unset=True)


class MergeWrite(BaseModel):
    """The older issue, and why."""

    model_config = ConfigDict(extra="forbid")

    into: IssueReference
    evidence: Evidence = Field(default_factory=Evidence)


class RejectionWrite(BaseModel):
    """The issue that is no duplicate, and what was suggested."""

    model_config = ConfigDict(extra="forbid")

    other: IssueReference
    evidence: Evidence = Field(default_factory=Evidence)


class IssueBrief(BaseModel):
    """An issue, as its duplicates mention it."""

    issue: str
    issue_id: int
    title: str
    status: Status
    resolution: str | None

    @classmethod
    def of(cls, issue: Issue) -> Self:
        """Return an issue as the API shows it."""
        plain = {name: getattr(issue, name) for name in ("title", "status", "resolution")}
        return cls.model_validate(plain | {"issue": issue.key, "issue_id": issue.id})


class DuplicatesRead(BaseModel):
    """An issue's duplicates, oldest first, as far as you may see them."""

    canonical: IssueBrief | None = Field(
        description="The issue itself where it is no duplicate; null where you may not see what it is a duplicate of."
    )
    duplicates: list[IssueBrief] = Field(description="What was merged into the canonical issue.")
    not_duplicates: list[IssueBrief] = Field(description="What people said is no duplicate of the issue.")


class UnmergeRead(BaseModel):
    """What unmerging did."""

    was_duplicate_of: str | None = Field(description="Null where you may not see it.")
    restored: bool = Field(description="Whether status and resolution are those from before the merge.")
    note: str
    issue: IssueBrief


class VerdictRead(BaseModel):
    """What somebody said of two issues."""

    id: int
    verdict: Literal["merged", "unmerged", "rejected", "withdrawn"]
    source: str = Field(description="The issue that was merged; of a rejection the newer one.")
    target: str = Field(description="The issue that was named; of a rejection the older one.")
    canonical: str | None = Field(description="What the source was made a duplicate of, where you may see it.")
    at: datetime
    author: UserBrief
    author_role: str
    evidence: dict[str, Any]

    @classmethod
    def of(cls, view: VerdictView) -> Self:
        """Return a row of the ledger as the API shows it."""
        row = view.verdict
        return cls.model_validate(
            {
                "id": row.id,
                "verdict": row.verdict,
                "source": view.source.key,
                "target": view.target.key,
                "canonical": view.canonical.key if view.canonical else None,
                "at": row.created_at,
                "author": UserBrief.model_validate(view.author),
                "author_role": row.author_role,
                "evidence": row.evidence,
            }
        )
