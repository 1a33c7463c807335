"""What goes into the predictions ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from bugflow.mlops.registry.versions import TriageType
from bugflow.mlops.serving.opinions import OFF, Band, Opinion

Part = Literal["champion", "shadow", "ab"]
"""What a model was there for: in use, thinking along unseen, or answering instead of the one in use."""


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
    """What was said of one field.

    Attributes:
        latency_ms: How long the answer about all fields took.
        shown: Whether a person or a program got it as an answer.
    """

    subject: Subject
    field: TriageType
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
