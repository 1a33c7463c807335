"""Monitoring: what the API and the command line give to programs."""

from datetime import datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from bugflow.mlops.monitoring.alarms import AlarmKind, Severity
from bugflow.mlops.monitoring.report import Monitoring
from bugflow.mlops.registry.versions import ModelType


class _Shown(BaseModel):
    """Something that is shown as it was found."""

    model_config = ConfigDict(from_attributes=True)


class ShareRead(_Shown):
    """So many of so many."""

    count: int
    total: int
    share: float | None = Field(description="In [0, 1]; null of nothing.")
    interval: tuple[float, float] | None = Field(description="95 % (Wilson's); null of nothing.")


class FiguresRead(_Shown):
    """How good predictions were; what is right is said by people who set or confirmed the field afterwards."""

    n_predictions: int
    coverage: ShareRead = Field(description="Of all, the sure ones.")
    shown: ShareRead = Field(description="Of all, those that somebody saw.")
    acceptance: ShareRead = Field(description="Of those that were seen and settled, the right ones.")
    accuracy: ShareRead = Field(description="Of the settled ones, the right ones.")
    precision: ShareRead = Field(description="Of the sure and settled ones, the right ones.")
    worth: float | None = Field(
        description="Of a hundred settled issues: a sure answer that is right counts 1, a wrong one -1.75."
    )


class VersionFiguresRead(_Shown):
    """How good one version was in one part."""

    version: str | None
    method: str
    part: Literal["champion", "ab", "shadow"]
    figures: FiguresRead


class BinRead(_Shown):
    """Predictions of about the same probability."""

    low: float
    high: float
    mean: float = Field(description="Their mean probability.")
    right: ShareRead


class CalibrationRead(_Shown):
    """Whether probabilities are what they say."""

    bins: list[BinRead]
    error: float | None = Field(description="Expected calibration error; null where nothing is settled.")


class DriftRead(_Shown):
    """How far something is from what it was before."""

    what: str
    distance: float | None = Field(description="Jensen-Shannon, base 2, in [0, 1]; null where one side is empty.")
    chance: float = Field(description="How probable a distance as large is by chance alone.")
    drifted: bool
    n_window: int
    n_reference: int
    window: dict[str, float] = Field(description="The share of each value now.")
    reference: dict[str, float] = Field(description="The share of each value before.")


class TaxonomyRead(_Shown):
    """What projects and the model in use know that the other does not."""

    unseen: dict[str, tuple[str, ...]] = Field(description="By project, labels that the model has never learned.")
    gone: tuple[str, ...] = Field(description="Labels that the model says and that no project has any more.")
    empty: dict[str, tuple[str, ...]] = Field(description="By project, labels that no issue has.")


class TriageTimeRead(_Shown):
    """How long it took until a person had said team and severity."""

    n_filed: int
    n_triaged: int
    median_hours: float | None


class TriageTimesRead(_Shown):
    """Triage before a model of one's own was in use, and since."""

    moment: datetime | None
    before: TriageTimeRead
    after: TriageTimeRead
    chance: float | None = Field(description="How probable a difference as large is by chance; null of too few.")


class MonitoringRead(BaseModel):
    """How the models of a field have done, in figures and in sentences."""

    model_type: ModelType
    project: str | None = Field(description="The project's key; null for all projects.")
    since: datetime
    until: datetime
    in_use: str = Field(description="The version that is used; `starter` for what comes with BugFlow.")
    figures: FiguresRead
    versions: list[VersionFiguresRead]
    by_label: dict[str, ShareRead] = Field(description="Precision where sure, by the label that was said.")
    by_team: dict[str, ShareRead] = Field(description="Precision where sure, by the team that the issue has now.")
    calibration: CalibrationRead
    drifts: list[DriftRead]
    taxonomy: TaxonomyRead | None
    triage: TriageTimesRead | None
    says: list[str] = Field(description="The same in sentences.")

    @classmethod
    def of(cls, found: Monitoring) -> Self:
        """Return what was found as the API shows it."""
        measured = found.measured
        return cls(
            model_type=found.model_type,
            project=found.project,
            since=measured.scope.since,
            until=measured.scope.until,
            in_use=found.in_use,
            figures=FiguresRead.model_validate(measured.overall),
            versions=[VersionFiguresRead.model_validate(each) for each in measured.versions],
            by_label={name: ShareRead.model_validate(each) for name, each in measured.by_label.items()},
            by_team={name: ShareRead.model_validate(each) for name, each in measured.by_team.items()},
            calibration=CalibrationRead.model_validate(measured.calibration),
            drifts=[DriftRead.model_validate(each) for each in found.drifts],
            taxonomy=None if found.taxonomy is None else TaxonomyRead.model_validate(found.taxonomy),
            triage=None if found.triage is None else TriageTimesRead.model_validate(found.triage),
            says=list(found.says),
        )


class AlarmRead(_Shown):
    """Something that is not as it should be."""

    kind: AlarmKind
    model_type: ModelType | None = Field(description="Null where it is about all models.")
    scope: str = Field(description="`global`, a project's UUID where the model is its own, or a project's key.")
    says: str
    severity: Severity
