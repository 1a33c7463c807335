"""What a ranker learns from: a tracker's duplicates, and some of the reports that are none."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.replay import Comparison, compare, replay

OTHERS = 2_500


@dataclass(frozen=True, slots=True)
class Lesson:
    """Reports of one tracker beside their candidates, the oldest first.

    Attributes:
        others_weight: For how many reports each one stands of which no older report is known to be the same bug: they
            are many, so that some are chosen.
    """

    comparisons: Sequence[Comparison]
    others_weight: float = 1.0


def build_lesson(history: History, profiles: Sequence[Profile], *, others: int = OTHERS, seed: int = 0) -> Lesson:
    """Return every duplicate of a history beside its candidates, and as many other reports."""
    chosen = choose_others(history, others, seed=seed)
    rows = sorted({*history.queries, *chosen})
    compared = [compare(history, moment) for moment in replay(history, profiles, rows)]
    weight = (len(history) - len(history.queries)) / max(len(chosen), 1)
    return Lesson([each for each in compared if each is not None], weight)


def choose_others(history: History, most: int, *, seed: int = 0) -> list[int]:
    """Return the rows of reports that are no known duplicates, at most so many, chosen by chance."""
    known = {0, *history.queries}  # Before the first report there is none.
    rows = np.array([row for row in range(len(history)) if row not in known], dtype=np.int64)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return [int(row) for row in rows]
