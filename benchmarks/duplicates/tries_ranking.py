"""What all tries are measured by: a ranker that two trackers taught, asked about the duplicates of the third."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from trackers import Pasts

from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates import learning
from bugflow.ml.duplicates.evaluating import NOT_FOUND, Ranks
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.learning import Options
from bugflow.ml.duplicates.lessons import Lesson
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import Comparison, Moment, count_before, replay

Score = Callable[[Comparison], NDArray[np.float64]]
"""Gives each candidate of a report a number; the largest is the best."""


@dataclass(frozen=True)
class Bench:
    """What a try is given.

    Attributes:
        pasts: By tracker.
        trackers: Those to be tried, each by what the others teach.
        encoder: The product's.
        most: So many duplicates of a tracker are asked about at most, chosen by chance, where all would take too long.
        kept: What has been trained already, by tracker.
    """

    pasts: Pasts
    trackers: Sequence[str]
    encoder: Encoder
    most: int
    kept: dict[str, lightgbm.Booster]

    def list_teachers(self, name: str) -> list[str]:
        """Return the trackers that teach what is tried on another."""
        return [other for other in self.pasts if other != name]

    def rank_kept(self, name: str) -> lightgbm.Booster:
        """Return the ranking as it is, taught by the others."""
        if name not in self.kept:
            self.kept[name] = fit_ranking([self.pasts[other][2] for other in self.list_teachers(name)])
        return self.kept[name]

    def replay(self, name: str) -> Iterator[Moment]:
        """Yield the moments of a tracker's duplicates, or of some."""
        history, profiles, _ = self.pasts[name]
        return replay(history, profiles, self.choose(history))

    def choose(self, history: History) -> list[int]:
        """Return the rows of a tracker's duplicates, or of some."""
        rows = np.array(history.queries, dtype=np.int64)
        if len(rows) > self.most:
            rows = np.sort(np.random.default_rng(0).choice(rows, self.most, replace=False))
        return [int(row) for row in rows]


@contextmanager
def exchange(module: ModuleType, **tried: Any) -> Iterator[None]:  # noqa: ANN401 -- Whatever the module has.
    """Let the product do one thing in another way until the block ends."""
    kept = {name: getattr(module, name) for name in tried}
    for name, value in tried.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(module, name, value)


def fit_ranking(lessons: Sequence[Lesson]) -> lightgbm.Booster:
    """Return the ranking alone, without the judging, as the product trains it."""
    comparisons = [each for lesson in lessons for each in learning._list_all(lesson)]  # noqa: SLF001 -- As the product.
    return learning._fit_ranking(comparisons, Options())  # noqa: SLF001 -- Training both would take five times as long.


def score_by(booster: lightgbm.Booster) -> Score:
    """Return what gives candidates the scores of boosted trees."""
    return lambda comparison: np.asarray(booster.predict(comparison.features, num_threads=1), dtype=np.float64)


def rank_lesson(history: History, lesson: Lesson, score: Score) -> Ranks:
    """Return how many others stand before the first right one, of each duplicate of a lesson."""
    compared = {each.row: each for each in lesson.comparisons}
    return np.array([_rank(compared.get(row), score) for row in history.queries], dtype=np.int64)


def _rank(comparison: Comparison | None, score: Score) -> int:
    if comparison is None:
        return NOT_FOUND
    order = np.argsort(-score(comparison), kind="stable")
    right = set(comparison.groups[comparison.right].tolist())
    before = count_before(comparison.groups[order], right)
    return NOT_FOUND if before is None else before


@dataclass(frozen=True)
class Flagged:
    """What the flag said about duplicates that are bugs, in the order of the lesson.

    Attributes:
        said: Whether each was flagged.
        right: Whether the flagged one was the same bug.
    """

    said: NDArray[np.bool_]
    right: NDArray[np.bool_]

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Whether each was flagged and the right one."""
        return self.said & self.right

    def __str__(self) -> str:
        """Return how many and how often right."""
        precision = f"{self.right[self.said].mean():.3f}" if self.said.any() else "none"
        return f"flagged {self.said.sum()}, right {precision}, of all duplicates {self.hits.mean():.3f}"


def flag_lesson(history: History, lesson: Lesson, ranker: Ranker) -> Flagged:
    """Return what the flag says about the duplicates of a lesson."""
    queries = set(history.queries)
    said, right = [], []
    for each in lesson.comparisons:
        if each.row in queries:
            ranking = ranker.rank(each.features)
            first = ranking.order[0]
            said.append(each.is_bug and bool(ranking.probabilities[first] >= ranker.threshold))
            right.append(bool(np.isin(each.groups[first], each.groups[each.right])))
    return Flagged(np.array(said, dtype=np.bool_), np.array(right, dtype=np.bool_))
