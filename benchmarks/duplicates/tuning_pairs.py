"""Texts of the same bug, and of bugs that are easily taken for it, from which an encoder learns."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from trackers import Pasts

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.features import list_features
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.learning import NEARLY_THE_SAME
from bugflow.ml.duplicates.lessons import Lesson
from bugflow.ml.duplicates.profiles import join_text
from bugflow.ml.text import clean_report

MOST_OF_CLUSTER = 30
"""Pairs of one cluster: a hundred reports of one bug would be five thousand."""
FIRST_HARD, LAST_HARD = 2, 40
"""Candidates, by their place, that a pair's other bug is drawn from: the very first too often are the same bug."""
FORMS = (("title", "title"), ("title", "text"), ("text", "title"), ("text", "text"), ("text", "text"))
"""What of two reports is compared, each equally often."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Written:
    """What the product makes vectors of."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two reports of the same bug.

    Attributes:
        cluster: Tells which bug.
        others: Rows of reports that look like the newer one and are of other bugs, as far as anybody knows.
    """

    tracker: str
    cluster: int
    older: int
    newer: int
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """Three texts: the first two are of the same bug, the third is not."""

    bug: tuple[str, int]
    one: str
    same: str
    other: str


def write_out(report: Report) -> Written:
    """Return of what the vectors of a report are made."""
    cleaned = clean_report(report.title, report.description)
    return Written(cleaned.title, join_text(cleaned))


def list_pairs(pasts: Pasts, trackers: Sequence[str], *, most: int | None = None, seed: int = 0) -> list[Pair]:
    """Return all pairs of the same bug of some trackers, at most thirty of each bug; or so many of them by chance."""
    chance = random.Random(seed)
    pairs = []
    for name in trackers:
        history, _, lesson = pasts[name]
        hard = list_hard(history, lesson)
        for cluster, members in list_clusters(history).items():
            together = list(combinations(members, 2))
            for older, newer in chance.sample(together, min(len(together), MOST_OF_CLUSTER)):
                pairs.append(Pair(name, cluster, older, newer, hard.get(newer, ())))
    return pairs if most is None else chance.sample(pairs, min(most, len(pairs)))


def list_clusters(history: History) -> dict[int, list[int]]:
    """Return the rows of each bug that was reported more than once, the oldest first."""
    sizes = np.bincount(history.clusters, minlength=len(history))
    clusters: dict[int, list[int]] = {}
    for row in np.flatnonzero(sizes[history.clusters] > 1).tolist():
        clusters.setdefault(int(history.clusters[row]), []).append(row)
    return clusters


def list_hard(history: History, lesson: Lesson) -> dict[int, tuple[int, ...]]:
    """Return for each duplicate the candidates that are other bugs.

    Left out are those that somebody called duplicates of something unknown, and those that are so near that nobody can
    say, unasked, that they are another bug.
    """
    columns = [list_features().index(name) for name in NEARLY_THE_SAME]
    limits = list(NEARLY_THE_SAME.values())
    found = {}
    for each in lesson.comparisons:
        near = (each.features[:, columns] >= limits).any(axis=1)
        rows = each.rows[~each.right & ~near][FIRST_HARD:LAST_HARD]
        found[each.row] = tuple(row for row in rows.tolist() if row not in history.doubtful)
    return found


def draw_examples(pairs: Sequence[Pair], pasts: Pasts, *, epochs: int, seed: int = 0) -> Iterator[list[Example]]:
    """Yield the examples of each epoch in an order of its own: each pair once, in another form each time."""
    chance = random.Random(seed)
    kept: dict[tuple[str, int], Written] = {}

    def read(pair: Pair, row: int) -> Written:
        key = pair.tracker, row
        if key not in kept:
            kept[key] = write_out(pasts[pair.tracker][0].reports[row])
        return kept[key]

    for _ in range(epochs):
        examples = []
        for pair in chance.sample(pairs, len(pairs)):
            first, second = chance.sample((pair.older, pair.newer), 2)
            mine, theirs = chance.choice(FORMS)
            other = chance.choice(pair.others) if pair.others else None
            examples.append(
                Example(
                    bug=(pair.tracker, pair.cluster),
                    one=getattr(read(pair, first), mine),
                    same=getattr(read(pair, second), theirs),
                    other="" if other is None else getattr(read(pair, other), theirs),
                )
            )
        yield examples


def summarise(pairs: Sequence[Pair]) -> Mapping[str, int]:
    """Return how many pairs there are of each tracker."""
    return {name: sum(each.tracker == name for each in pairs) for name in sorted({each.tracker for each in pairs})}
