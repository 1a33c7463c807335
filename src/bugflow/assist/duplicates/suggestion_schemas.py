"""Suggested duplicates: what the API takes and gives."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.assist.duplicates.reasons import ReasonKind
from bugflow.assist.intake.schemas import ShortName
from bugflow.tracker.accounts.schemas import NO_NUL
from bugflow.tracker.issues.vocabulary import Status

MOST_SUGGESTED, USUALLY_SUGGESTED = 20, 5
LongText = Annotated[str, StringConstraints(max_length=1_000_000, pattern=NO_NUL)]


class PreviewAsk(BaseModel):
    """A report that is being written."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"project": "WEB", "title": "Login fails after the update", "description": "It says 500."}]
        },
    )

    project: ShortName | None = Field(
        default=None, description="Key, name or UUID; may be left out where you see only one project."
    )
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=NO_NUL)] = Field(
        default="", description="Without it, the description's first sentence."
    )
    description: LongText = ""
    stack_trace: LongText = ""
    issue_type: Literal["bug", "story", "task"] = "bug"
    component: ShortName | None = Field(default=None, description="Name of one of the project's; others are ignored.")
    most: int = Field(default=USUALLY_SUGGESTED, ge=1, le=MOST_SUGGESTED, description="At most so many.")


class SuggestionReason(BaseModel):
    """What speaks for two reports being the same bug; may be sent back as evidence of a merge."""

    kind: ReasonKind
    what: str = Field(
        description="A word or trace place that both have, a field and its value, or that sentence of the older one "
        "which is most like one of yours; plain text."
    )
    yours: str | None = Field(default=None, description="Your sentence, where the reason is a sentence.")


class SuggestionRead(BaseModel):
    """An older issue that may be the same bug; of several that are merged, the canonical one."""

    key: str
    issue_id: int
    title: str
    status: Status
    resolution: str | None
    created_at: datetime
    canonical: str | None = Field(
        description="What it is a duplicate of, or the issue itself; null where you may not see that."
    )
    nearest: str = Field(description="Which of the issues merged with it is the most alike; may be the issue itself.")
    probability: float | None = Field(
        ge=0, le=1, description="Calibrated, that it is the same bug, at least; null where there is no learned ranking."
    )
    flagged: bool = Field(description="Whether it is most likely this one, if the bug was reported before.")
    label: str | None = Field(description="What became of it, where it is finished.")
    reasons: list[SuggestionReason] = Field(description="The weightiest first.")


class SuggestionsRead(BaseModel):
    """Older issues that may be the same bug, the most probable first; often none."""

    ready: bool = Field(description="False while the server is loading the issues, or suggests none at all.")
    note: str | None = Field(description="Why words alone are compared, or why none is suggested, where that is so.")
    suggestions: list[SuggestionRead]
