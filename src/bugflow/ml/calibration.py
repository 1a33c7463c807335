"""Probabilities that mean what they say, and from which probability on a model may speak."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.contract import Probabilities

TARGET_PRECISION = 0.9
LEAST_SPOKEN = 20
"""A threshold must have been tried on so many reports: fewer say nothing about nine in ten."""
CAUTION = 1.645
"""Standard errors below what was seen: nineteen times in twenty the true precision is above that."""
BLOCKS = 5
"""Of reports that follow each other, each of which is judged by a pool fitted to the others."""
NEVER = np.inf
_SMALLEST = 1e-6
PULL = 1.0
"""How strongly weights and biases are held where they start: as much as one report or so."""


@dataclass(frozen=True)
class Pool:
    """Makes one opinion of several: what each member thinks counts by a weight, and each label has a bias.

    The probabilities are in proportion to `exp(bias) * product of probability ** weight`. With one member and no
    biases that is temperature scaling. Source: Genest, Zidek, Combining Probability Distributions, Statistical Science
    1986 (logarithmic pool); Guo et al., On Calibration of Modern Neural Networks, ICML 2017 (temperature); Alexandari
    et al., Maximum Likelihood with Bias-Corrected Calibration, ICML 2020 (biases, for labels more frequent by now).

    Attributes:
        weights: Above 0, shape (members,).
        biases: Shape (classes,).
    """

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]

    def combine(self, members: Sequence[Probabilities]) -> Probabilities:
        """Return the pooled probabilities of what the members think, each of shape (reports, classes)."""
        logits = sum((w * _log(each) for w, each in zip(self.weights, members, strict=True)), self.biases)
        return _softmax(np.asarray(logits))

    def follow_shares(self, growths: Sequence[NDArray[np.float64]]) -> "Pool":
        """Return the pool for members that have learned from other shares of the labels since it was fitted.

        A member's log-odds contain those of the shares that it was trained on. What grows there is taken from the
        biases, so that labels stay as probable before any word is read as they were where the pool was fitted. Source:
        King, Zeng, Logistic Regression in Rare Events Data, Political Analysis 2001 (prior correction).

        Args:
            growths: For each member by how much the logarithm of each label's share grew, shape (classes,).
        """
        grown = sum((w * each for w, each in zip(self.weights, growths, strict=True)), np.zeros_like(self.biases))
        return Pool(self.weights, self.biases - grown)


def fit_pool(members: Sequence[Probabilities], truth: NDArray[np.int_], *, biased: bool = True) -> Pool:
    """Return the pool under which the truth is most likely, held near equal weights and no bias where data are few.

    Args:
        members: Of reports that no member was trained on, each of shape (reports, classes).
        truth: The column of each report's label, -1 where the members do not know the label.
        biased: Whether labels may have biases; without them a single member keeps its order of labels.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 -- A second and 60 MB, which few processes need.

    known = truth >= 0
    n_members, n_classes = len(members), members[0].shape[1]
    start = np.full(n_members, -np.log(n_members))
    if not known.any():
        return Pool(np.exp(start), np.zeros(n_classes))
    logs = [_log(each[known]) for each in members]
    is_label = np.eye(n_classes)[truth[known]]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, biases = np.exp(point[:n_members]), point[n_members:]
        pooled = _softmax(sum((w * each for w, each in zip(weights, logs, strict=True)), biases))
        away = point - np.concatenate([start, np.zeros(n_classes)])
        surprise = -_log(pooled)[is_label.astype(bool)].sum() + PULL * (away @ away) / 2
        error = pooled - is_label
        slopes = np.array([w * (error * each).sum() for w, each in zip(weights, logs, strict=True)])
        gradient = np.concatenate([slopes, error.sum(axis=0) if biased else np.zeros(n_classes)]) + PULL * away
        return float(surprise), gradient

    found = minimize(loss, np.concatenate([start, np.zeros(n_classes)]), jac=True, method="L-BFGS-B").x
    return Pool(np.exp(found[:n_members]), found[n_members:])


def cross_pool(members: Sequence[Probabilities], truth: NDArray[np.int_], *, biased: bool = True) -> Probabilities:
    """Return what pools say of reports that they were not fitted to: of each block, the pool fitted to all others.

    What a pool says of the reports that it was fitted to is a little too good to choose thresholds by. Source: Stone,
    Cross-Validatory Choice and Assessment of Statistical Predictions, JRSS B 1974.

    Args:
        members: Of reports that no member was trained on, each of shape (reports, classes), the oldest report first.
        truth: The column of each report's label, -1 where the members do not know the label.
        biased: Whether labels may have biases.
    """
    pooled = np.empty_like(members[0], dtype=np.float64)
    for block in np.array_split(np.arange(len(truth)), BLOCKS):
        others = np.setdiff1d(np.arange(len(truth)), block)
        pool = fit_pool([each[others] for each in members], truth[others], biased=biased)
        pooled[block] = pool.combine([each[block] for each in members])
    return pooled


def _log(probabilities: Probabilities) -> NDArray[np.float64]:
    return np.asarray(np.log(np.clip(probabilities, _SMALLEST, 1.0)))


def _softmax(logits: NDArray[np.float64]) -> Probabilities:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)


@dataclass(frozen=True)
class Thresholds:
    """From which probability on a label may be said; infinite for one that is never sure enough.

    Attributes:
        least: Shape (classes,).
        target: The precision it was chosen for, in (0, 1].
    """

    least: NDArray[np.float64]
    target: float

    def speaks(self, probabilities: Probabilities) -> NDArray[np.bool_]:
        """Return for each report whether its most probable label is probable enough."""
        best = probabilities.argmax(axis=1)
        return np.asarray(probabilities.max(axis=1) >= self.least[best])


def choose_thresholds(
    probabilities: Probabilities,
    truth: NDArray[np.int_],
    *,
    target: float = TARGET_PRECISION,
    caution: float = CAUTION,
) -> Thresholds:
    """Return the lowest threshold of each label above which it was right often enough.

    Often enough: the lower end of the Wilson interval of its precision reaches the target, so that a lucky handful is
    not trusted.

    Args:
        probabilities: Of reports that neither training nor the test saw, shape (reports, classes).
        truth: The column of each report's label, -1 where the model does not know the label.
        target: The precision wanted, in (0, 1].
        caution: How many standard errors below what was seen the lower end is.
    """
    best, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
    least = np.full(probabilities.shape[1], NEVER)
    for label in range(probabilities.shape[1]):
        said = np.flatnonzero(best == label)
        if len(said) < LEAST_SPOKEN:
            continue
        order = said[np.argsort(-sureness[said], kind="stable")]
        right, count = np.cumsum(truth[order] == label), np.arange(1, len(order) + 1)
        enough = (wilson_lower(right, count, caution) >= target) & (count >= LEAST_SPOKEN)
        enough[:-1] &= sureness[order][:-1] > sureness[order][1:]  # Equal ones speak together or not at all.
        if enough.any():
            least[label] = _place_threshold(sureness[order], int(np.flatnonzero(enough)[-1]), target)
    return Thresholds(least, target)


def _place_threshold(sureness: NDArray[np.float64], last: int, target: float) -> float:
    """Return the middle between the last that was sure enough and the next; below all, as low as calibration allows."""
    if last + 1 < len(sureness):
        return float(sureness[last] + sureness[last + 1]) / 2
    return float(min(sureness[last], target))


def wilson_lower(right: NDArray[np.int_], count: NDArray[np.int_], z: float) -> NDArray[np.float64]:
    """Return the lower end of the Wilson score interval of `right` out of `count`, in [0, 1].

    Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927.
    """
    share = right / count
    centre = share + z**2 / (2 * count)
    spread = z * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.asarray((centre - spread) / (1 + z**2 / count))


def index_labels(labels: Sequence[str], classes: Sequence[str]) -> NDArray[np.int_]:
    """Return the column of each label, -1 for one that is not among the classes."""
    columns = {name: column for column, name in enumerate(classes)}
    return np.array([columns.get(label, -1) for label in labels], dtype=np.int_)
