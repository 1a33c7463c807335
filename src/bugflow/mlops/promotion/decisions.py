"""What was decided about a version before it was published, as it lies beside its files."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.mlops.promotion.files import DECISION, DECISION_TEXT
from bugflow.mlops.registry.versions import ModelVersion

Interval = tuple[float, float]


class DecidedCheck(BaseModel):
    """One thing that was asked of a version; `says` is a sentence with the figures."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    says: str = ""


class DecidedFigures(BaseModel):
    """How good answers were, as `gate.Figures` describes them, or a ranking of duplicates, as `RankingFigures` does.

    Attributes:
        flag_precision: Of a ranking, how often it was right where it flagged, with its interval.
    """

    model_config = ConfigDict(frozen=True)

    accuracy: float | None = None
    accuracy_interval: Interval | None = None
    coverage: float | None = None
    precision: float | None = None
    precision_interval: Interval | None = None
    flag_precision: float | None = None
    flag_precision_interval: Interval | None = None
    worth: float | None = None
    recalls: Mapping[str, float] = Field(default_factory=dict)

    @property
    def sure_interval(self) -> Interval | None:
        """The interval of how often it was right where it was sure, or where it flagged; none where it never was."""
        return self.precision_interval or self.flag_precision_interval


class Decision(BaseModel):
    """What came of judging a version, as `report.describe_verdict` wrote it.

    `champion` names what was in use then; `figures` are by `candidate`, `champion` and the names of baselines.
    """

    model_config = ConfigDict(frozen=True)

    passed: bool
    champion: str = ""
    dataset: str = ""
    data_sha256: str = ""
    n_items: int = 0
    checks: tuple[DecidedCheck, ...] = ()
    figures: Mapping[str, DecidedFigures] = Field(default_factory=dict)
    items_by_label: Mapping[str, int] = Field(default_factory=dict)


def find_decision(storage: Storage, version: ModelVersion) -> Decision | None:
    """Return what was decided; none where the version was never judged, or what is there says nothing.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    try:
        return Decision.model_validate_json(_read(storage, version, DECISION))
    except (ObjectNotFoundError, ValidationError):
        return None


def find_decision_text(storage: Storage, version: ModelVersion) -> str | None:
    """Return the decision for people, in Markdown; none where the version was never judged.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    try:
        return _read(storage, version, DECISION_TEXT).decode(errors="replace")
    except ObjectNotFoundError:
        return None


def find_passed(storage: Storage, version: ModelVersion | None) -> bool | None:
    """Return whether a version passed its checks; none where it was never judged, as what comes with BugFlow."""
    decision = None if version is None else find_decision(storage, version)
    return None if decision is None else decision.passed


def _read(storage: Storage, version: ModelVersion, path: str) -> bytes:
    return b"".join(storage.read(f"{version.prefix}/{path}"))
