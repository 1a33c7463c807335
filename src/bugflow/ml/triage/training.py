"""From labelled reports to a model that knows how sure it may be."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.core.errors import InvalidError
from bugflow.ml.calibration import (
    TARGET_PRECISION,
    Pool,
    Thresholds,
    choose_thresholds,
    fit_pool,
    index_labels,
)
from bugflow.ml.contract import Classifier, Learner, Probabilities
from bugflow.ml.triage.examples import Partition, Target
from bugflow.ml.triage.members import QUICK_MEMBERS
from bugflow.ml.triage.model import SUGGESTED_PRECISION, TriageModel

NEWEST_SHARE, LEAST_NEWEST = 0.5, 200
"""Of the calibration part, on which a threshold has to hold by itself; and how many of its reports at least."""


class NoMemberError(InvalidError):
    """Something that is only compared with cannot be kept as a model."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is only compared with and cannot be kept as a model. Choose another back-end.")


@dataclass(frozen=True)
class Calibration:
    """How members' opinions are pooled, and from where on the pool speaks.

    Attributes:
        coverage: The share of the calibration reports about which it spoke, in [0, 1].
    """

    pool: Pool
    speaking: Thresholds
    suggesting: Thresholds
    coverage: float


def calibrate(
    members: Sequence[Probabilities],
    labels: Sequence[str],
    classes: Sequence[str],
    *,
    precision: float = TARGET_PRECISION,
    biased: bool = True,
) -> Calibration:
    """Pool what members say of reports they were not trained on, and choose thresholds.

    The pool is fitted to all of these reports. A threshold has to hold on all of them and on the newest alone: what is
    reported changes, and what comes next is most like what came last.

    Args:
        members: Each of shape (reports, classes), the oldest report first.
        labels: Of the reports.
        classes: Of the columns.
        precision: What the speaking thresholds are chosen for, in (0, 1].
        biased: Whether labels may have biases.
    """
    truth = index_labels(labels, classes)
    pool = fit_pool(members, truth, biased=biased)
    pooled = pool.combine(members)
    speaking = choose_lasting_thresholds(pooled, truth, precision)
    suggesting = choose_lasting_thresholds(pooled, truth, min(SUGGESTED_PRECISION, precision))
    return Calibration(pool, speaking, suggesting, float(np.mean(speaking.speaks(pooled))))


def choose_lasting_thresholds(pooled: Probabilities, truth: NDArray[np.int_], precision: float) -> Thresholds:
    """Return the lowest thresholds that hold on all of these reports, the oldest first, and on the newest alone."""
    newest = slice(-max(LEAST_NEWEST, round(len(truth) * NEWEST_SHARE)), None)
    overall = choose_thresholds(pooled, truth, target=precision)
    lately = choose_thresholds(pooled[newest], truth[newest], target=precision)
    return Thresholds(np.maximum(overall.least, lately.least), precision)


@dataclass(frozen=True)
class TriedLearner:
    """A trained learner and what it says of the parts it was not trained on.

    Attributes:
        ms_per_report: Of the test part, in one call.
    """

    learner: Learner
    calibration: Probabilities
    test: Probabilities
    train_seconds: float
    ms_per_report: float


def try_learner(build: Callable[[], Learner], data: Partition) -> TriedLearner:
    """Train a learner and ask it about the calibration and test parts, of which none is empty."""
    started = time.perf_counter()
    learner = build().fit(data.train.reports, data.train.labels)
    trained = time.perf_counter()
    calibration = learner.predict_probabilities(data.calibration.reports)
    asked = time.perf_counter()
    test = learner.predict_probabilities(data.test.reports)
    taken_ms = (time.perf_counter() - asked) * 1000 / len(data.test)
    return TriedLearner(learner, calibration, test, trained - started, taken_ms)


def build_model(
    target: Target, members: Mapping[str, TriedLearner], data: Partition, *, precision: float = TARGET_PRECISION
) -> TriageModel:
    """Put trained members together to a model, calibrated on the calibration part.

    Args:
        target: What they find.
        members: By their back-end's name, of the same classes.
        data: What they were trained on and asked about.
        precision: What the speaking thresholds are chosen for, in (0, 1].

    Raises:
        NoMemberError: One of them is a baseline, which cannot be kept.
    """
    kept: dict[str, Classifier] = {}
    for name, each in members.items():
        if not isinstance(each.learner, Classifier):
            raise NoMemberError(name)
        kept[name] = each.learner
    said = {name: each.calibration for name, each in members.items()}
    return combine_members(target, kept, said, data.calibration.labels, precision=precision)


def combine_members(
    target: Target,
    members: Mapping[str, Classifier],
    said: Mapping[str, Probabilities],
    labels: Sequence[str],
    *,
    precision: float = TARGET_PRECISION,
) -> TriageModel:
    """Return a model of members, calibrated by what they say of reports that they were not trained on.

    Args:
        target: What they find.
        members: Of the same classes, by name.
        said: What each of them says, of shape (reports, classes), the oldest report first.
        labels: Of these reports.
        precision: What the speaking thresholds are chosen for, in (0, 1].
    """
    quick = {name: member for name, member in members.items() if name in QUICK_MEMBERS}
    hurried = None
    if 0 < len(quick) < len(members):
        hurried = combine_members(target, quick, said, labels, precision=precision)
    classes = next(iter(members.values())).classes_
    found = calibrate([said[name] for name in members], labels, classes, precision=precision)
    return TriageModel(target, members, found.pool, found.speaking, found.suggesting, found.coverage, hurried)
