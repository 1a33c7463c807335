"""What the API takes and gives for models."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bugflow.mlops.promotion.comparing import CheckPair, Comparison, FigurePair
from bugflow.mlops.promotion.decisions import Decision, Interval
from bugflow.mlops.promotion.importing import ImportedVersion
from bugflow.mlops.promotion.service import LONGEST_REASON
from bugflow.mlops.promotion.standing import Standing
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.mlops.registry.versions import Manifest, ModelType, ModelVersion

Number = Annotated[str, StringConstraints(pattern=r"^\d{1,9}\.\d{1,9}\.\d{1,9}$")]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=LONGEST_REASON), Field(description="Why; it is kept.")
]


class VersionName(BaseModel):
    """A version: three numbers, when it was published (UTC, YYYYMMDD_HHMMSS), and both in one name."""

    model_config = ConfigDict(from_attributes=True)

    version: str
    moment: str
    name: str


class StandingRead(BaseModel):
    """Which version of a type is in use, and which is tried; `version` is null for what comes with BugFlow."""

    model_type: ModelType
    scope: str = Field(description="`global`, or the UUID of the project that it is for.")
    version: VersionName | None
    challenger: VersionName | None
    since: datetime | None = Field(description="When it was chosen; null where nobody ever chose.")
    by: str | None
    reason: str | None

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """Return what is told of it."""
        change = standing.change
        return cls(
            model_type=standing.model_type,
            scope=standing.scope,
            version=_name(standing.version),
            challenger=_name(standing.challenger),
            since=None if change is None else change.created_at,
            by=None if change is None else change.actor_name,
            reason=None if change is None else change.reason,
        )


class VersionRead(VersionName):
    """A published version, its figures as they were measured in training, and what it is there for."""

    used: bool
    challenger: bool
    metrics: Mapping[str, float]

    @classmethod
    def of(cls, version: ModelVersion, manifest: Manifest, standing: Standing) -> Self:
        """Return what is told of it."""
        return cls(
            version=version.version,
            moment=version.moment,
            name=version.name,
            used=version == standing.version,
            challenger=version == standing.challenger,
            metrics=manifest.metrics,
        )


class ImportedRead(VersionName):
    """A version that was brought from elsewhere; it is used only once it is promoted."""

    model_type: ModelType
    is_new: bool = Field(description="False where this very version was there already.")

    @classmethod
    def of(cls, imported: ImportedVersion) -> Self:
        """Return what is told of it."""
        version = imported.version
        return cls(
            version=version.version,
            moment=version.moment,
            name=version.name,
            model_type=version.model_type,
            is_new=imported.is_new,
        )


class VersionDetail(BaseModel):
    """All that is known of a version: how it came about, its card and the report of its decision in Markdown."""

    name: str
    manifest: Manifest
    decision: Decision | None = Field(description="Null where it was never judged.")
    report: str | None


class SideRead(BaseModel):
    """One version's value, with its 95 % interval where that is known."""

    model_config = ConfigDict(from_attributes=True)

    value: float | None
    interval: Interval | None


class FigureRead(BaseModel):
    """A figure of both versions; `difference` is the second's less the first's."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    source: str = Field(description="`gold set`: issues that taught no model; `training`: measured in training.")
    a: SideRead
    b: SideRead
    difference: float | None

    @classmethod
    def of(cls, pair: FigurePair) -> Self:
        """Return what is told of it."""
        return cls.model_validate(pair)


class CheckRead(BaseModel):
    """A check that came out otherwise; null for one that was not made."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    a: bool | None
    b: bool | None
    a_says: str
    b_says: str

    @classmethod
    def of(cls, pair: CheckPair) -> Self:
        """Return what is told of it."""
        return cls.model_validate(pair)


class ComparisonRead(BaseModel):
    """Two versions side by side."""

    a: VersionName
    b: VersionName
    same_items: bool | None = Field(
        description="Whether both were judged by the same issues, so that figures of the gold set can be compared; "
        "null where one was never judged."
    )
    figures: list[FigureRead]
    checks: list[CheckRead] = Field(description="Only those that came out otherwise.")
    only_a: list[str] = Field(description="Labels that only the first can say.")
    only_b: list[str]

    @classmethod
    def of(cls, found: Comparison) -> Self:
        """Return what is told of it."""
        return cls(
            a=VersionName.model_validate(found.a),
            b=VersionName.model_validate(found.b),
            same_items=found.same_items,
            figures=[FigureRead.of(each) for each in found.figures],
            checks=[CheckRead.of(each) for each in found.checks],
            only_a=list(found.only_a),
            only_b=list(found.only_b),
        )


class ModelPromote(BaseModel):
    """Which version to use from now on."""

    model_config = ConfigDict(extra="forbid")

    version: Number | None = Field(description="Such as 1.2.0; null for what comes with BugFlow.")
    reason: Reason = ""


class ModelRollback(BaseModel):
    """Why to go back."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = ""


class ChangeRead(BaseModel):
    """Another version was used from then on; `version` and `before` are null for what comes with BugFlow."""

    model_config = ConfigDict(from_attributes=True)

    at: datetime = Field(validation_alias="created_at")
    verb: str
    version: str | None
    before: str | None
    passed: bool | None = Field(description="Whether it passed its checks; null where it was never judged.")
    by: str = Field(validation_alias="actor_name")
    reason: str

    @classmethod
    def of(cls, change: ModelChange) -> Self:
        """Return what is told of it."""
        return cls.model_validate(change)


def _name(version: ModelVersion | None) -> VersionName | None:
    return None if version is None else VersionName.model_validate(version)
