"""What goes into the predictions ledger: what was said of fields, and which older issue was suggested first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from bugflow.mlops.registry.versions import ModelType, TriageType
from bugflow.mlops.serving.opinions import OFF, Band, Opinion

Part = Literal["champion", "shadow", "ab"]
"""What a model was there for: in use, thinking along unseen, or answering instead of the one in use."""
RANKING, WORDS, SEARCH, FULL_TEXT = "ranking", "words", "search", "full text"
"""Who suggests duplicates, beside `starter`: a ranking learned here, BugFlow's own for reports without vectors, the
search alone where no ranking could be asked, full text while issues are being loaded."""
IN_PLACE_OF_RANKING = (WORDS, SEARCH, FULL_TEXT)
"""Who suggests where the ranking in use cannot be asked, and so no other could be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What was judged: an issue, or a draft that may become one.

    Attributes:
        project_id: The project's number.
        issue_id: None for a draft.
        draft_key: By which a draft's issue is found again, as `digest_draft` makes it.
    """

    project_id: int
    issue_id: int | None
    draft_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What was said of one field, or which issue was suggested first as the older one of the same bug.

    Attributes:
        label: Of duplicates the issue's key as it was shown; none where nothing was suggested.
        latency_ms: How long the answer about all fields took.
        shown: Whether a person or a program got it as an answer.
    """

    subject: Subject
    field: ModelType
    label: str | None
    probability: float | None
    threshold: float | None
    band: Band
    method: str
    model_version: str | None
    part: Part
    shown: bool
    latency_ms: float
    created_at: datetime


def list_entries(
    subject: Subject,
    opinions: Mapping[TriageType, Opinion],
    *,
    part: Part,
    shown: bool,
    latency_ms: float,
    now: datetime,
) -> list[Entry]:
    """Return what goes into the ledger of some opinions; a field that is switched off has none."""
    return [
        Entry(
            subject=subject,
            field=target,
            label=opinion.label,
            probability=opinion.confidence,
            threshold=opinion.threshold,
            band=opinion.band,
            method=opinion.method,
            model_version=opinion.model_version,
            part=part,
            shown=shown,
            latency_ms=latency_ms,
            created_at=now,
        )
        for target, opinion in opinions.items()
        if opinion.method != OFF
    ]


def digest_draft(*, reporter_id: int, project_id: int, description: str) -> str:
    """Return by what a draft's issue is found again: who, where and what, however it is spaced."""
    told = f"{reporter_id} {project_id} {' '.join(description.split())}"
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()
