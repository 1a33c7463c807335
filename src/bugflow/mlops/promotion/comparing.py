"""Two versions side by side: their figures, the checks that came out otherwise, the labels that only one can say."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.mlops.promotion.decisions import DecidedFigures, Decision, Interval, find_decision
from bugflow.mlops.promotion.gate import CANDIDATE
from bugflow.mlops.registry.store import get_manifest
from bugflow.mlops.registry.versions import Manifest, ModelVersion

JUDGED = ("accuracy", "coverage", "precision", "worth")
"""Figures of a decision, measured on issues that taught no model."""
_MEMBERS = "members/"


class _Classes(BaseModel):
    """What is read of a member's description."""

    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One version's value of a figure.

    Attributes:
        interval: Of 95 %; none where nobody knows it.
    """

    value: float | None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class FigurePair:
    """A figure of both versions.

    Attributes:
        source: `gold set` where issues that taught no model have judged, `training` for what was measured in training.
        difference: The second's less the first's; none where one has no value.
    """

    name: str
    source: str
    a: Side
    b: Side

    @property
    def difference(self) -> float | None:
        """How much more the second has."""
        return None if self.a.value is None or self.b.value is None else self.b.value - self.a.value


@dataclass(frozen=True, slots=True)
class CheckPair:
    """A check that came out otherwise for the second than for the first; none is for one that was not made."""

    name: str
    a: bool | None
    b: bool | None
    a_says: str
    b_says: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions side by side.

    Attributes:
        same_items: Whether both were judged by the same issues, so that their figures can be compared; none where one
            was never judged.
        only_a: Labels that only the first can say.
        only_b: Labels that only the second can say.
    """

    a: ModelVersion
    b: ModelVersion
    same_items: bool | None
    figures: tuple[FigurePair, ...]
    checks: tuple[CheckPair, ...]
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def compare_versions(storage: Storage, a: ModelVersion, b: ModelVersion) -> Comparison:
    """Return two versions of one type side by side.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: A manifest cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    first, second = get_manifest(storage, a), get_manifest(storage, b)
    decided, later = find_decision(storage, a), find_decision(storage, b)
    own, other = _read_classes(storage, a, first), _read_classes(storage, b, second)
    return Comparison(
        a=a,
        b=b,
        same_items=_have_same_items(decided, later),
        figures=(*_pair_judged(decided, later), *_pair_measured(first.metrics, second.metrics)),
        checks=tuple(_pair_checks(decided, later)),
        only_a=tuple(sorted(own - other)),
        only_b=tuple(sorted(other - own)),
    )


def _have_same_items(a: Decision | None, b: Decision | None) -> bool | None:
    if a is None or b is None:
        return None
    return (a.data_sha256, a.n_items, a.items_by_label) == (b.data_sha256, b.n_items, b.items_by_label)


def _pair_judged(a: Decision | None, b: Decision | None) -> Iterator[FigurePair]:
    own, other = (
        DecidedFigures() if each is None else each.figures.get(CANDIDATE, DecidedFigures()) for each in (a, b)
    )
    for name in JUDGED:
        first, second = _read_side(own, name), _read_side(other, name)
        if first.value is not None or second.value is not None:
            yield FigurePair(name, "gold set", first, second)
    for label in sorted({*own.recalls, *other.recalls}):
        yield FigurePair(f"recall of {label}", "gold set", Side(own.recalls.get(label)), Side(other.recalls.get(label)))


def _read_side(figures: DecidedFigures, name: str) -> Side:
    return Side(getattr(figures, name), getattr(figures, f"{name}_interval", None))


def _pair_measured(a: Mapping[str, float], b: Mapping[str, float]) -> Iterator[FigurePair]:
    for name in {**a, **b}:
        yield FigurePair(name, "training", Side(a.get(name)), Side(b.get(name)))


def _pair_checks(a: Decision | None, b: Decision | None) -> Iterator[CheckPair]:
    own, other = ({} if each is None else {check.name: check for check in each.checks} for each in (a, b))
    for name in {**own, **other}:
        first, second = own.get(name), other.get(name)
        passed, later = (None if each is None else each.passed for each in (first, second))
        if passed != later:
            yield CheckPair(name, passed, later, *("" if each is None else each.says for each in (first, second)))


def _read_classes(storage: Storage, version: ModelVersion, manifest: Manifest) -> set[str]:
    """Return the labels that a version's members can say; none where its files do not tell."""
    found: set[str] = set()
    for file in manifest.files:
        if file.path.startswith(_MEMBERS) and file.path.endswith("/classifier.json"):
            with suppress(ObjectNotFoundError, ValidationError):
                content = b"".join(storage.read(f"{version.prefix}/{file.path}"))
                found.update(_Classes.model_validate_json(content).classes)
    return found
