"""Teaches a ranker what one tracker's people said, and tells whether that was worth it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.learning import Options, train_ranker
from bugflow.ml.duplicates.lessons import Lesson
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import Comparison, count_before
from bugflow.ml.evaluation import compare_paired_means

LEAST_DUPLICATES = 50
"""Fewer duplicates teach nothing that could be told from chance."""
TESTED = 0.3
"""Of the duplicates, the newest, on which what was learned from the older ones is tried."""
ADAPTING = Options(rounds=100, judging_rounds=50, learning_rate=0.02)


@dataclass(frozen=True)
class Figures:
    """How good a ranker is on some duplicates; all in [0, 1], none found counts as 0."""

    recall_at_1: float
    recall_at_10: float
    mrr: float

    @classmethod
    def of(cls, gains: NDArray[np.float64]) -> "Figures":
        """Summarise 1 / place of the first right one of each duplicate, 0 where none is among the candidates."""
        return cls(float((gains == 1).mean()), float((gains >= 0.1).mean()), float(gains.mean()))  # noqa: PLR2004

    def to_json(self) -> Mapping[str, float]:
        """Return the figures by name."""
        return {"recall_at_1": self.recall_at_1, "recall_at_10": self.recall_at_10, "mrr": self.mrr}


@dataclass(frozen=True)
class Adaptation:
    """What came of teaching.

    Attributes:
        ranker: Taught by all that is known.
        n_learned: Of how many duplicates the one that was tried had learned.
        n_tested: On how many newer ones it was tried.
        before: How good the ranker was before on these.
        after: And after.
        p_value: How probable a difference in MRR as large as this is by chance, two-sided.
    """

    ranker: Ranker
    n_learned: int
    n_tested: int
    before: Figures
    after: Figures
    p_value: float

    @property
    def is_better(self) -> bool:
        """Whether the older report is found earlier, for certain, and as often among the first ten."""
        earlier = self.after.mrr > self.before.mrr and self.p_value < 0.05  # noqa: PLR2004 -- The usual level.
        return earlier and self.after.recall_at_10 >= self.before.recall_at_10 - 0.01


class TooFewDuplicatesError(Exception):
    """There is too little to learn from."""

    def __init__(self, found: int) -> None:
        self.found = found
        super().__init__(found)


def adapt_ranker(base: Ranker, lesson: Lesson, options: Options = ADAPTING) -> Adaptation:
    """Add to a ranker what a tracker's duplicates teach.

    First it learns from the older ones alone and is tried on the newest, which it has not seen, beside the ranker as it
    was. Then it learns from all.

    Args:
        base: The ranker as it is.
        lesson: The tracker's reports beside their candidates, the oldest first.
        options: How; `base` is set.

    Raises:
        TooFewDuplicatesError: There are fewer than 50 duplicates whose older report is among the candidates.
    """
    duplicates = _require_enough(lesson)
    cut = duplicates[round(len(duplicates) * (1 - TESTED))]
    older = lesson.choose([each.row for each in lesson.comparisons[:cut]])
    newer = [lesson.comparisons[place] for place in duplicates if place >= cut]
    options = replace(options, base=base)
    tried = _train(older, options)
    before, after = (np.array([_gain(each, ranker) for each in newer]) for ranker in (base, tried))
    return Adaptation(
        ranker=_train(lesson, options),
        n_learned=len(duplicates) - len(newer),
        n_tested=len(newer),
        before=Figures.of(before),
        after=Figures.of(after),
        p_value=compare_paired_means(after, before),
    )


def teach_ranker(base: Ranker, lesson: Lesson, options: Options = ADAPTING) -> Ranker:
    """Return a ranker to which is added what a lesson teaches, all of it; what is to try the ranker is not in there.

    Args:
        base: The ranker as it is.
        lesson: Reports beside their candidates, the oldest first.
        options: How; `base` is set.

    Raises:
        TooFewDuplicatesError: There are fewer than 50 duplicates whose older report is among the candidates.
    """
    _require_enough(lesson)
    return _train(lesson, replace(options, base=base))


def count_useful(lesson: Lesson) -> int:
    """Return how many duplicates of a lesson teach: those whose older report is among the candidates."""
    return sum(_is_useful(each) for each in lesson.comparisons)


def _require_enough(lesson: Lesson) -> list[int]:
    """Return the places of the duplicates that teach."""
    duplicates = [place for place, each in enumerate(lesson.comparisons) if _is_useful(each)]
    if len(duplicates) < LEAST_DUPLICATES:
        raise TooFewDuplicatesError(len(duplicates))
    return duplicates


def write_card(found: Adaptation, *, source: str) -> str:
    """Return what is to be known of an adapted ranker, in Markdown.

    Args:
        found: What came of teaching.
        source: What it learned from, in words.
    """
    rows = [
        f"| {name} | {figures.recall_at_1:.3f} | {figures.recall_at_10:.3f} | {figures.mrr:.3f} |"
        for name, figures in (("before", found.before), ("after", found.after))
    ]
    return "\n".join(
        (
            "# Ranking of duplicates",
            "",
            f"The ranker that comes with BugFlow, taught by: {source}.",
            "",
            f"It learned from {found.n_learned:,} duplicates and was tried on the {found.n_tested:,} newest;",
            "then it learned from all of them.",
            "",
            "| Ranker | Recall@1 | Recall@10 | MRR |",
            "|---|---|---|---|",
            *rows,
            "",
            f"Paired permutation test of the MRR: p = {found.p_value:.3f}.",
            f"It flags from a probability of {found.ranker.threshold:.3f} on.",
            "",
        )
    )


def _train(lesson: Lesson, options: Options) -> Ranker:
    """Return a ranker; where too little is flagged to say from which probability on it is right, it flags as before."""
    ranker = train_ranker([lesson], options)
    if options.base is None or ranker.threshold < 1:
        return ranker
    return replace(ranker, threshold=options.base.threshold)


def _is_useful(comparison: Comparison) -> bool:
    return bool(comparison.right.any()) and not comparison.right.all()


def _gain(comparison: Comparison, ranker: Ranker) -> float:
    """Return 1 / place of the first right one, 0 where there is none."""
    order = ranker.rank(comparison.features).order
    before = count_before(comparison.groups[order], set(comparison.groups[comparison.right].tolist()))
    return 0.0 if before is None else 1 / (1 + before)
