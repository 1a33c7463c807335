"""The predictions ledger: what the API gives."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, Field

from bugflow.mlops.predictions.entries import Part
from bugflow.mlops.predictions.queries import LedgerRow
from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.serving.opinions import Band


class LedgerEntryRead(BaseModel):
    """What a model said of one field, or which older issue it suggested first, and what became of it."""

    id: int
    project: str = Field(description="The project's key.")
    issue: str | None = Field(description="The issue's key; null for a draft that nobody has reported.")
    field: ModelType
    label: str | None = Field(
        description="What was said, of `duplicates` an issue's key; null where nothing was, or that is hidden from you."
    )
    probability: float | None = Field(description="The label's calibrated probability; null for keyword rules.")
    threshold: float | None = Field(description="From which probability on the model says this label for sure.")
    band: Band
    method: str = Field(
        description="Who spoke: a model's members, `starter`, `keyword`; of duplicates `ranking`, `starter`, `words`, "
        "`search` or `full text`."
    )
    model_version: str | None
    part: Part = Field(description="The model in use, one in the shadow, or the challenger that answered instead.")
    shown: bool = Field(description="Whether somebody got it as an answer.")
    latency_ms: float = Field(description="How long the answer about all fields took.")
    created_at: datetime
    truth: str | None = Field(
        description="What a person has said since, of `duplicates` `WEB-3` or `not WEB-3`; null until one does."
    )
    outcome: Literal["right", "wrong"] | None
    settled_by: str | None = Field(description="The person's role.")
    settled_at: datetime | None

    @classmethod
    def of(cls, row: LedgerRow) -> Self:
        """Return a row as the API shows it."""
        told = {"project": row.project, "issue": row.issue, "label": row.label, "truth": row.truth}
        values = {name: getattr(row.prediction, name) for name in cls.model_fields if name not in told}
        return cls(**told, **values)
