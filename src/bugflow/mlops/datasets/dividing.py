"""Which reports train, which choose thresholds, which test: by time, or at random with the shares of a label kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.mlops.datasets.rows import PARTS

SHARES = (0.70, 0.15, 0.15)
"""Of `PARTS`."""
TOLERANCE = 0.02
"""By how much a part may differ from its share so that a day is not torn apart."""
DAY = 86_400_000_000
"""In microseconds, the unit of moments."""
BLOCK = 20
"""Reports of one label that are divided together: 14, 3 and 3."""

Numbers = NDArray[np.int64]


class Divider(Protocol):
    """Divides reports that come in their order."""

    def divide(self, frame: pl.DataFrame) -> Sequence[str | None]:
        """Return the part of each report of the next frame; one that belongs to none is left out."""

    def describe(self) -> list[dict[str, object]]:
        """Return where parts end, for programs and people."""


@dataclass(frozen=True)
class Cut:
    """Where the parts of some reports end.

    Attributes:
        names: The sources of the reports.
        by: What they are ordered by: their date, the number in their id, or their place in the source.
        bounds: The first values of `valid` and of `test`; dates in microseconds since 1970.
    """

    names: tuple[str, ...]
    by: str
    bounds: tuple[int, int]

    def describe(self) -> dict[str, object]:
        """Return it for programs and people."""
        shown: list[object] = list(self.bounds)
        if self.by == "created_at":
            shown = [datetime.fromtimestamp(each / 1e6, UTC).isoformat() for each in self.bounds]
        return {"sources": list(self.names), "by": self.by, "valid_from": shown[0], "test_from": shown[1]}


class TimeDivider:
    """Trains on the oldest and tests on the newest.

    Sources whose reports mostly have dates are divided together, at midnight in UTC where that changes no part's share
    by more than two points, else never between two of the same moment. What has no date in them trains. Other sources
    are divided each by the number in its ids, or as they stand where ids have none.

    Attributes:
        cuts_: Where the parts end.
    """

    def __init__(self) -> None:
        self._placed: dict[str, int] = {}

    def fit(self, frames: Iterable[pl.DataFrame]) -> "TimeDivider":
        """Find the cuts; of each report its moment or number is in memory, 16 bytes."""
        moments: dict[str, list[Numbers]] = {}
        numbers: dict[str, list[Numbers]] = {}
        for frame in frames:
            for (name,), part in frame.group_by("source", maintain_order=True):
                moments.setdefault(str(name), []).append(_to_numbers(part["created_at"].to_physical()))
                numbers.setdefault(str(name), []).append(_to_numbers(part["number"]))
        self.cuts_: list[Cut] = []
        self._by: dict[str, Cut] = {}
        dated = [name for name, some in moments.items() if _mostly_known(some)]
        if dated:
            known = np.concatenate([each for name in dated for each in moments[name]])
            self._add(tuple(dated), "created_at", known[known != _UNKNOWN])
        for name in moments.keys() - set(dated):
            some = np.concatenate(numbers[name])
            if _mostly_known(numbers[name]):
                self._add((name,), "issue_id", some[some != _UNKNOWN])
            else:
                self._add((name,), "place", np.arange(len(some)))
        self.cuts_.sort(key=lambda cut: cut.names)
        return self

    def _add(self, names: tuple[str, ...], by: str, values: Numbers) -> None:
        cut = Cut(names, by, find_bounds(values, days=by == "created_at"))
        self.cuts_.append(cut)
        self._by |= dict.fromkeys(names, cut)

    def divide(self, frame: pl.DataFrame) -> list[str]:
        """Return the part of each report of the next frame."""
        parts = np.empty(len(frame), dtype=np.int64)
        sources = frame["source"].to_numpy()
        for name in frame["source"].unique():
            rows, cut = np.flatnonzero(sources == name), self._by[name]
            values = self._read(frame[rows], name, cut.by)
            parts[rows] = np.searchsorted(np.array(cut.bounds), values, side="right")
        return [PARTS[each] for each in parts]

    def describe(self) -> list[dict[str, object]]:
        """Return where parts end, for programs and people."""
        return [cut.describe() for cut in self.cuts_]

    def _read(self, frame: pl.DataFrame, name: str, by: str) -> Numbers:
        if by == "created_at":
            return _to_numbers(frame["created_at"].to_physical())
        if by == "issue_id":
            return _to_numbers(frame["number"])
        start = self._placed.get(name, 0)
        self._placed[name] = start + len(frame)
        return np.arange(start, start + len(frame))


_UNKNOWN = np.iinfo(np.int64).min
"""Before everything, so that it trains."""


def _to_numbers(column: pl.Series) -> Numbers:
    return column.cast(pl.Int64).fill_null(_UNKNOWN).to_numpy()


def _mostly_known(parts: Sequence[Numbers]) -> bool:
    return sum(int((part == _UNKNOWN).sum()) for part in parts) < sum(map(len, parts)) / 2


def find_bounds(values: Numbers, *, days: bool) -> tuple[int, int]:
    """Return the first values of the second and of the third part.

    Args:
        values: At least one; sorted in place.
        days: Whether they are moments, between which midnight is preferred.
    """
    values.sort()
    first, second = (_find_bound(values, share, days=days) for share in (SHARES[0], SHARES[0] + SHARES[1]))
    return first, max(first, second)


def _find_bound(values: Numbers, share: float, *, days: bool) -> int:
    """Return the value next to a share of all at which equal values are not divided."""
    wanted = share * len(values)
    middle = int(values[min(len(values) - 1, round(wanted))])
    if days:
        midnights = [middle // DAY * DAY, (middle // DAY + 1) * DAY]
        nearest = min(midnights, key=lambda each: abs(int(np.searchsorted(values, each)) - wanted))
        if abs(int(np.searchsorted(values, nearest)) - wanted) <= TOLERANCE * len(values):
            return nearest
    before, after = int(np.searchsorted(values, middle)), int(np.searchsorted(values, middle, side="right"))
    return middle if wanted - before <= after - wanted else middle + 1


class RandomDivider:
    """Gives each part the same share of each label, whatever the order; reports without it are divided as well.

    Of each label 20 reports after each other are divided 14 : 3 : 3 in a random order. Source: permuted blocks, as in
    Zelen, The randomization and stratification of patients to clinical trials, 1974. Memory: a block for each label.
    """

    def __init__(self, label: str, *, seed: int) -> None:
        self._label = label
        self._generator = np.random.default_rng(seed)
        self._blocks: dict[str | None, list[str]] = {}
        self._parts = [part for part, share in zip(PARTS, SHARES, strict=True) for _ in range(round(share * BLOCK))]

    def divide(self, frame: pl.DataFrame) -> list[str]:
        """Return the part of each report of the next frame."""
        return [self._take(label) for label in frame[self._label]]

    def describe(self) -> list[dict[str, object]]:
        """Return nothing: parts have no ends."""
        return []

    def _take(self, label: str | None) -> str:
        block = self._blocks.get(label)
        if not block:
            block = self._blocks[label] = [self._parts[each] for each in self._generator.permutation(BLOCK)]
        return block.pop()


def choose_rows(total: int, most: int | None, *, seed: int) -> NDArray[np.bool_] | None:
    """Return which of so many rows are taken, evenly over all; none where all are. One byte for each row."""
    if most is None or most >= total:
        return None
    chosen = np.zeros(total, dtype=np.bool_)
    chosen[np.random.default_rng(seed).choice(total, most, replace=False, shuffle=False)] = True
    return chosen


def walk_chosen(frames: Iterable[pl.DataFrame], chosen: NDArray[np.bool_] | None) -> Iterator[pl.DataFrame]:
    """Yield the chosen rows of frames that follow each other."""
    start = 0
    for frame in frames:
        if chosen is None:
            yield frame
        else:
            yield frame.filter(pl.Series(chosen[start : start + len(frame)]))
        start += len(frame)
