"""How good probabilities are, with intervals, and whether one model is better than another."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import Thresholds
from bugflow.ml.contract import Probabilities

BINS = 15
RESAMPLES = 1000
PERMUTATIONS = 9_999
"""So many are drawn where there are more."""
MIDDLE = (2.5, 97.5)
"""Percentiles of a 95 % interval."""


@dataclass(frozen=True)
class ClassScores:
    """How well one label was found: shares in [0, 1], 0 where there was nothing to find or nothing said."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """How good a model was on reports it had not seen; shares in [0, 1].

    Attributes:
        accuracy_interval: 95 %, by bootstrap over the reports.
        macro_f1: Mean of the F1 of the labels that occur.
        ece: Expected calibration error over 15 bins of equal width.
        coverage: The share of reports about which it spoke.
        selective_precision: How often it was right where it spoke; none where it never did.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    macro_f1: float
    ece: float
    coverage: float
    selective_precision: float | None
    by_class: tuple[ClassScores, ...]


def score(
    probabilities: Probabilities,
    truth: NDArray[np.int_],
    classes: tuple[str, ...],
    thresholds: Thresholds,
    *,
    seed: int = 0,
) -> Scores:
    """Return how good probabilities are.

    Args:
        probabilities: Shape (reports, classes), at least one report.
        truth: The column of each report's label, -1 for a label that the model does not know, which counts as wrong.
        classes: The labels of the columns.
        thresholds: From which probability on it speaks.
        seed: Of the bootstrap.
    """
    best = probabilities.argmax(axis=1)
    right = best == truth
    spoken = thresholds.speaks(probabilities)
    by_class = tuple(_score_class(best, truth, column, label) for column, label in enumerate(classes))
    occurring = [each.f1 for each in by_class if each.support]
    return Scores(
        accuracy=float(right.mean()),
        accuracy_interval=_interval(right, seed),
        macro_f1=float(np.mean(occurring)) if occurring else 0.0,
        ece=calibration_error(probabilities.max(axis=1), right),
        coverage=float(spoken.mean()),
        selective_precision=float(right[spoken].mean()) if spoken.any() else None,
        by_class=by_class,
    )


def _score_class(best: NDArray[np.int_], truth: NDArray[np.int_], column: int, label: str) -> ClassScores:
    said, is_so = best == column, truth == column
    found = int((said & is_so).sum())
    precision, recall = found / max(1, int(said.sum())), found / max(1, int(is_so.sum()))
    f1 = 2 * precision * recall / (precision + recall) if found else 0.0
    return ClassScores(label, precision, recall, f1, int(is_so.sum()))


def _interval(right: NDArray[np.bool_], seed: int) -> tuple[float, float]:
    hits = np.random.default_rng(seed).binomial(len(right), right.mean(), size=RESAMPLES) / len(right)
    low, high = np.percentile(hits, MIDDLE)
    return float(low), float(high)


def calibration_error(sureness: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return by how much sureness and being right differ on average, in [0, 1].

    Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    """
    bins = np.minimum((sureness * BINS).astype(np.int_), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    gaps = np.abs(np.bincount(bins, sureness, BINS) - np.bincount(bins, right, BINS))
    return float(gaps.sum() / counts.sum())


def compare_paired(right: NDArray[np.bool_], other_right: NDArray[np.bool_]) -> float:
    """Return how probable a difference as large as this is by chance: McNemar's exact test, two-sided.

    Args:
        right: Whether one model was right about each report.
        other_right: Whether the other was, about the same reports.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions, Psychometrika 1947.
    """
    from scipy.stats import binomtest  # noqa: PLC0415 -- A second and 60 MB, which few processes need.

    only, only_other = int((right & ~other_right).sum()), int((other_right & ~right).sum())
    if only + only_other == 0:
        return 1.0
    return float(binomtest(only, only + only_other).pvalue)


def compare_paired_means(values: NDArray[np.float64], other_values: NDArray[np.float64]) -> float:
    """Return how probable a difference of means as large as this is by chance: a paired permutation test, two-sided.

    Args:
        values: What one model is worth on each item.
        other_values: What the other is worth on the same items.
    """
    from scipy.stats import permutation_test  # noqa: PLC0415 -- A second and 60 MB, which few processes need.

    differing = values != other_values
    if differing.sum() < 2:  # noqa: PLR2004 -- One difference is as probable as its opposite.
        return 1.0
    pair = values[differing], other_values[differing]

    def differ(first: NDArray[np.float64], second: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(np.sum(first, axis=axis) - np.sum(second, axis=axis))

    found = permutation_test(
        pair, differ, permutation_type="samples", n_resamples=PERMUTATIONS, vectorized=True, rng=0, batch=1_000
    )
    return float(found.pvalue)


def compare_label(
    said: NDArray[np.bool_], other_said: NDArray[np.bool_], truth: NDArray[np.bool_], *, seed: int = 0
) -> tuple[float, float, float]:
    """Return how well two models find one label, as F1, and how probable a difference as large is by chance.

    By paired bootstrap, as `compare_macro_f1`.

    Args:
        said: Whether one model said the label of each item.
        other_said: Whether the other did.
        truth: Whether each item has it; at least one does.
        seed: Of the bootstrap.
    """

    def find(rows: NDArray[np.int_]) -> tuple[float, float]:
        drawn = truth[rows]
        of_label = max(int(drawn.sum()), 1)
        own, other = (2 * int((each[rows] & drawn).sum()) / (int(each[rows].sum()) + of_label) for each in pair)
        return own, other

    pair = said, other_said
    own, other = find(np.arange(len(truth)))

    def lead(rows: NDArray[np.int_]) -> float:
        drawn_own, drawn_other = find(rows)
        return drawn_own - drawn_other

    return own, other, _resample(lead, len(truth), seed)


def compare_precision(
    said: NDArray[np.bool_],
    right: NDArray[np.bool_],
    other_said: NDArray[np.bool_],
    other_right: NDArray[np.bool_],
    *,
    seed: int = 0,
) -> float:
    """Return how probable a difference as large is by chance in how often two models are right where they speak.

    By paired bootstrap, as `compare_macro_f1`; both speak about at least one item. All of shape (items,).

    Args:
        said: Whether one model spoke about each item.
        right: Whether it would be right about it.
        other_said: Whether the other spoke.
        other_right: Whether the other would be right.
        seed: Of the bootstrap.
    """

    def lead(rows: NDArray[np.int_]) -> float:
        spoken, other_spoken = said[rows], other_said[rows]
        if not (spoken.any() and other_spoken.any()):
            return 0.0
        return float(right[rows][spoken].mean() - other_right[rows][other_spoken].mean())

    return _resample(lead, len(said), seed)


def mean_interval(values: NDArray[np.float64], *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % interval of a mean of at least one value, by bootstrap."""
    drawn = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), MIDDLE)
    return float(low), float(high)


def share_interval(count: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval (Wilson's) of a share of at least one.

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.
    """
    from scipy.stats import binomtest  # noqa: PLC0415 -- A second and 60 MB, which few processes need.

    low, high = binomtest(count, total).proportion_ci(method="wilson")
    return float(low), float(high)


def compare_macro_f1(
    said: NDArray[np.int_], other_said: NDArray[np.int_], truth: NDArray[np.int_], *, seed: int = 0
) -> float:
    """Return how probable a difference in macro-F1 as large as this is by chance, two-sided.

    By paired bootstrap: how often resampled reports turn the difference round, twice; at least 1 in 1,000.
    Source: Berg-Kirkpatrick, Burkett, Klein, An Empirical Investigation of Statistical Significance in NLP, EMNLP 2012.

    Args:
        said: The column of the label that one model said of each report.
        other_said: What the other said.
        truth: The column of each report's label, -1 for a label that the models do not know.
        seed: Of the bootstrap.
    """
    n_classes = int(max(said.max(), other_said.max(), truth.max())) + 1

    def lead(rows: NDArray[np.int_]) -> float:
        drawn = truth[rows]
        return _macro_f1(said[rows], drawn, n_classes) - _macro_f1(other_said[rows], drawn, n_classes)

    return _resample(lead, len(truth), seed)


def _resample(lead: Callable[[NDArray[np.int_]], float], count: int, seed: int) -> float:
    """Return how probable a lead as large is by chance: how often resampled rows turn it round, twice."""
    generator, whole = np.random.default_rng(seed), lead(np.arange(count))
    if whole == 0:
        return 1.0
    turned = sum(lead(generator.integers(0, count, count)) * whole <= 0 for _ in range(RESAMPLES))
    return min(1.0, 2 * max(turned, 1) / RESAMPLES)


def _macro_f1(said: NDArray[np.int_], truth: NDArray[np.int_], n_classes: int) -> float:
    known = truth[truth >= 0]
    found = np.bincount(truth[said == truth], minlength=n_classes)
    both = np.bincount(said, minlength=n_classes) + np.bincount(known, minlength=n_classes)
    occurring = np.bincount(known, minlength=n_classes) > 0
    return float((2 * found[occurring] / both[occurring]).mean()) if occurring.any() else 0.0
