"""Predictions: what the API takes and gives."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.assist.duplicates.suggestion_schemas import SuggestionsRead
from bugflow.assist.intake.schemas import Description, ShortName
from bugflow.mlops.registry.versions import TriageType
from bugflow.mlops.serving.opinions import Band, Ground, Opinion
from bugflow.tracker.search.similar import SimilarIssue

DIGITS = 4
LONGEST_REASON = 200


class PredictionAsk(BaseModel):
    """A bug that may be reported."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"description": "The login button crashes the app on every click.", "project": "WebApp"}]
        }
    )

    description: Description
    project: ShortName | None = Field(
        default=None, description="Key, name or UUID; may be left out where you see only one project."
    )
    title: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = Field(
        default=None, description="Without it, the description's first sentence."
    )
    explain: bool = Field(default=True, description="Whether reasons are wanted.")
    duplicates: bool = Field(default=False, description="Whether older reports of the same bug are wanted, too.")


class ReasonRead(BaseModel):
    """What in the report speaks for the label, or against it; or the key of a similar issue of which people said it."""

    kind: Literal["word", "field", "issue"]
    what: str
    weight: float | None = Field(
        description="By how much it changes the logarithm of the label's odds; below 0 it speaks against the label; "
        "null for a keyword rule and for an issue, which are not weighed."
    )

    @classmethod
    def of(cls, ground: Ground) -> Self:
        """Return a reason as the API shows it."""
        weight = None if ground.weight is None else round(ground.weight, DIGITS)
        return cls(kind=ground.kind, what=ground.what[:LONGEST_REASON], weight=weight)


class RunnerUp(BaseModel):
    """The second most probable label."""

    label: str
    confidence: float | None = Field(ge=0, le=1)


class FieldPrediction(BaseModel):
    """What is thought of one field."""

    label: str | None = Field(description="One of the project's own; null where nothing can be said.")
    confidence: float | None = Field(
        ge=0, le=1, description="The label's calibrated probability; null for keyword rules, which have none."
    )
    runner_up: RunnerUp | None
    band: Band = Field(description="`sure` enough to fill in, `suggested`, or `unsure`.")
    abstained: bool = Field(description="Whether it is not sure enough to be filled in.")
    threshold: float | None = Field(description="From which probability on the model says this label for sure.")
    coverage: float | None = Field(description="The share of reports about which the model was sure when calibrated.")
    method: str = Field(
        description="Who spoke: a model's members, `starter`, `keyword` or `off`; with `nearby` where similar issues "
        "that people corrected were heard."
    )
    model_version: str | None
    because: str | None = Field(description="Why it is not said for sure.")
    reasons: list[ReasonRead] | None = Field(
        description="The weightiest first; null where they were not asked for, or there was no time for them."
    )

    @classmethod
    def of(cls, opinion: Opinion) -> Self:
        """Return an opinion as the API shows it."""
        runner_up = None
        if opinion.runner_up is not None:
            runner_up = RunnerUp(label=opinion.runner_up, confidence=_round(opinion.runner_up_confidence))
        return cls(
            label=opinion.label,
            confidence=_round(opinion.confidence),
            runner_up=runner_up,
            band=opinion.band,
            abstained=opinion.abstained,
            threshold=_round(opinion.threshold),
            coverage=_round(opinion.coverage),
            method=opinion.method,
            model_version=opinion.model_version,
            because=opinion.because,
            reasons=None if opinion.reasons is None else [ReasonRead.of(each) for each in opinion.reasons],
        )


def _round(share: float | None) -> float | None:
    return None if share is None else round(share, DIGITS)


class SimilarRead(BaseModel):
    """A past bug that shares rare words, and what became of it."""

    model_config = ConfigDict(from_attributes=True)

    key: str
    title: str
    status: str
    resolution: str | None
    severity: str | None
    team: str | None
    score: float = Field(description="By shared words; only scores of one answer can be compared.")


class PredictionRead(BaseModel):
    """What is thought of a report.

    `severity` and `team` always have a value, also where nobody is sure, so that they can be passed on to
    `/report_bug`; whether to believe it is said by `predictions`.
    """

    severity: str | None = Field(description="The best guess; null only where the project has no severities.")
    team: str | None = Field(description="The best guess; null only where the project has no teams.")
    predictions: dict[TriageType, FieldPrediction] = Field(description="By field, what is thought and why.")
    similar: list[SimilarRead] = Field(description="Past bugs that share two rare words, the nearest first.")
    duplicates: SuggestionsRead | None = Field(
        default=None, description="Older issues that may be the same bug; null where they were not asked for."
    )

    @classmethod
    def of(
        cls,
        *,
        severity: str | None,
        team: str | None,
        opinions: dict[TriageType, Opinion],
        similar: Sequence[SimilarIssue],
    ) -> Self:
        """Return predictions as the API shows them."""
        return cls(
            severity=severity,
            team=team,
            predictions={target: FieldPrediction.of(each) for target, each in opinions.items()},
            similar=[SimilarRead.model_validate(each) for each in similar],
        )
