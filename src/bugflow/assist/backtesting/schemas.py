"""What back-tests over HTTP take and give."""

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from bugflow.mlops.registry.versions import TRIAGE_TYPES, TriageType
from bugflow.tracker.search.language import LONGEST_QUERY


class BacktestCreate(BaseModel):
    """What is to be told again."""

    model_config = ConfigDict(extra="forbid")

    fields: list[TriageType] = Field(default=list(TRIAGE_TYPES), max_length=len(TRIAGE_TYPES))
    duplicates: bool = Field(default=True, description="Also what would have been suggested as duplicates.")
    last: int = Field(default=500, ge=10, le=10_000, description="Ask about so many of the newest issues.")
    blocks: int = Field(default=5, ge=1, le=20, description="Learn anew before each of so many blocks.")
    query: str = Field(
        default="", max_length=LONGEST_QUERY, description="For the fields, only issues that it asks for."
    )


class BacktestRead(BaseModel):
    """How far a back-test is, and what came of it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    progress_note: str
    error: str | None = Field(description="Why it failed.")
    report: str | None = Field(description="For people, in Markdown, once it has succeeded.")
    result: dict[str, Any] | None = Field(description="The same for programs.")
