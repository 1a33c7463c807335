"""Probabilities that mean what they say, and from which probability on a model may speak."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from bugflow.ml.contract import Probabilities

TARGET_PRECISION = 0.9
LEAST_SPOKEN = 20
"""A threshold must have been tried on so many reports: fewer say nothing about nine in ten."""
CAUTION = 1.0
"""Standard errors below what was seen: five times in six the true precision is above that."""
NEVER = np.inf
_SMALLEST = 1e-12


def scale_temperature(probabilities: Probabilities, temperature: float) -> Probabilities:
    """Return probabilities that are less sure (temperature above 1) or surer, in the same order.

    Source: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """
    logits = np.log(np.clip(probabilities, _SMALLEST, 1.0)) / temperature
    logits -= logits.max(axis=1, keepdims=True)
    scaled = np.exp(logits)
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_temperature(probabilities: Probabilities, truth: NDArray[np.int_]) -> float:
    """Return the temperature in [0.05, 20] under which the truth is most likely.

    Args:
        probabilities: Of reports that the model was not trained on, shape (reports, classes).
        truth: The column of each report's label, -1 where the model does not know the label.
    """
    known = truth >= 0
    if not known.any():
        return 1.0
    rows, columns = np.flatnonzero(known), truth[known]

    def loss(log_temperature: float) -> float:
        scaled = scale_temperature(probabilities[rows], float(np.exp(log_temperature)))
        return float(-np.log(np.clip(scaled[np.arange(len(columns)), columns], _SMALLEST, 1.0)).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


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
    probabilities: Probabilities, truth: NDArray[np.int_], *, target: float = TARGET_PRECISION
) -> Thresholds:
    """Return the lowest threshold of each label above which it was right often enough.

    Often enough: the lower end of the Wilson interval of its precision reaches the target, so that a lucky handful is
    not trusted.

    Args:
        probabilities: Of reports that neither training nor the test saw, shape (reports, classes).
        truth: The column of each report's label, -1 where the model does not know the label.
        target: The precision wanted, in (0, 1].
    """
    best, sureness = probabilities.argmax(axis=1), probabilities.max(axis=1)
    least = np.full(probabilities.shape[1], NEVER)
    for label in range(probabilities.shape[1]):
        said = np.flatnonzero(best == label)
        if len(said) < LEAST_SPOKEN:
            continue
        order = said[np.argsort(-sureness[said], kind="stable")]
        right, count = np.cumsum(truth[order] == label), np.arange(1, len(order) + 1)
        enough = (wilson_lower(right, count, CAUTION) >= target) & (count >= LEAST_SPOKEN)
        enough[:-1] &= sureness[order][:-1] > sureness[order][1:]  # Equal ones speak together or not at all.
        if enough.any():
            least[label] = sureness[order][np.flatnonzero(enough)[-1]]
    return Thresholds(least, target)


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
