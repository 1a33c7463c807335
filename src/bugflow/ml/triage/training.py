"""From labelled reports to a model that knows how sure it may be."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.core.errors import InvalidError
from bugflow.ml.calibration import (
    CAUTION,
    TARGET_PRECISION,
    Pool,
    Thresholds,
    choose_thresholds,
    cross_pool,
    fit_pool,
    index_labels,
)
from bugflow.ml.contract import Classifier, Learner, Probabilities
from bugflow.ml.triage.examples import Examples, Partition, Target
from bugflow.ml.triage.members import QUICK_MEMBERS, TRAINED_ONCE
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
    growths: Sequence[NDArray[np.float64]] | None = None,
) -> Calibration:
    """Pool what members say of reports they were not trained on, and choose thresholds.

    The pool is fitted to all of these reports. Thresholds are chosen by what pools fitted to other reports say, and
    have to hold on all reports and on the newest alone: what is reported changes, and what comes next is most like what
    came last.

    Args:
        members: Each of shape (reports, classes), the oldest report first.
        labels: Of the reports.
        classes: Of the columns.
        precision: What the speaking thresholds are chosen for, in (0, 1].
        biased: Whether labels may have biases.
        growths: Of each member that was trained again, by how much the logarithm of each label's share of what it was
            trained on grew, shape (classes,).
    """
    truth = index_labels(labels, classes)
    pool = fit_pool(members, truth, biased=biased)
    if biased and growths is not None:
        pool = pool.follow_shares(growths)
    pooled = cross_pool(members, truth, biased=biased)
    speaking = choose_lasting_thresholds(pooled, truth, precision)
    suggesting = choose_lasting_thresholds(pooled, truth, min(SUGGESTED_PRECISION, precision))
    return Calibration(pool, speaking, suggesting, float(np.mean(speaking.speaks(pooled))))


def choose_lasting_thresholds(
    pooled: Probabilities, truth: NDArray[np.int_], precision: float, *, caution: float = CAUTION
) -> Thresholds:
    """Return the lowest thresholds that hold on all of these reports, the oldest first, and on the newest alone."""
    newest = slice(-max(LEAST_NEWEST, round(len(truth) * NEWEST_SHARE)), None)
    overall = choose_thresholds(pooled, truth, target=precision, caution=caution)
    lately = choose_thresholds(pooled[newest], truth[newest], target=precision, caution=caution)
    return Thresholds(np.maximum(overall.least, lately.least), precision)


@dataclass(frozen=True)
class TriedLearner:
    """A trained learner and what was said of the parts that were not seen before.

    Attributes:
        learner: Trained on what calibrates, too, where it was trained again.
        calibration: What was said of the calibration part before that.
        growth: By how much the logarithm of each label's share of what it was trained on grew then, shape (classes,).
        ms_per_report: Of the test part, in one call.
    """

    learner: Learner
    calibration: Probabilities
    test: Probabilities
    growth: NDArray[np.float64]
    train_seconds: float
    ms_per_report: float


def try_learner(
    build: Callable[[], Learner], data: Partition, *, again: bool = True, balanced: bool = False
) -> TriedLearner:
    """Train a learner, ask it about the calibration part, train it again with that part, and ask about the test part.

    What is reported changes, so the newest reports are worth more than any others. They calibrate first, as reports
    that nothing was trained on, and train afterwards.

    Args:
        build: Returns a learner that has not learned anything.
        data: No part of which is empty.
        again: Whether it is trained again; if not, what was trained first is kept.
        balanced: Whether all labels weigh the same to it, whatever their shares.
    """
    started = time.perf_counter()
    learner = build().fit(data.train.reports, data.train.labels)
    train_seconds = time.perf_counter() - started
    calibration = learner.predict_probabilities(data.calibration.reports)
    growth = np.zeros(len(learner.classes_))
    if again:
        started = time.perf_counter()
        seen = data.join_seen()
        learner = build().fit(seen.reports, seen.labels)
        train_seconds += time.perf_counter() - started
        if not balanced:
            growth = _measure_shares(seen, learner.classes_) - _measure_shares(data.train, learner.classes_)
    asked = time.perf_counter()
    test = learner.predict_probabilities(data.test.reports)
    taken_ms = (time.perf_counter() - asked) * 1000 / len(data.test)
    return TriedLearner(learner, calibration, test, growth, train_seconds, taken_ms)


def _measure_shares(examples: Examples, classes: Sequence[str]) -> NDArray[np.float64]:
    """Return the logarithm of each label's share; one that is not there counts as half a report."""
    counts = Counter(examples.labels)
    return np.log([max(counts[label], 0.5) / len(examples) for label in classes])


def try_learners(
    names: Iterable[str],
    learners: Mapping[str, Callable[[], Learner]],
    data: Partition,
    *,
    balanced: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, TriedLearner]:
    """Try several learners by name, each trained again but those for which that takes too long.

    Args:
        names: Of those that are tried.
        learners: How each is made, by its name.
        data: No part of which is empty.
        balanced: Whether all labels weigh the same to them, whatever their shares.
        tell: Called with a learner's name before it is trained.
    """
    tried = {}
    for name in dict.fromkeys(names):
        tell(name)
        tried[name] = try_learner(learners[name], data, again=name not in TRAINED_ONCE, balanced=balanced)
    return tried


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
    growths = {name: each.growth for name, each in members.items()}
    return combine_members(target, kept, said, data.calibration.labels, precision=precision, growths=growths)


def combine_members(
    target: Target,
    members: Mapping[str, Classifier],
    said: Mapping[str, Probabilities],
    labels: Sequence[str],
    *,
    precision: float = TARGET_PRECISION,
    growths: Mapping[str, NDArray[np.float64]] | None = None,
) -> TriageModel:
    """Return a model of members, calibrated by what they say of reports that they were not trained on.

    Args:
        target: What they find.
        members: Of the same classes, by name.
        said: What each of them says, of shape (reports, classes), the oldest report first.
        labels: Of these reports.
        precision: What the speaking thresholds are chosen for, in (0, 1].
        growths: As `calibrate` takes them, by the member's name; none where nothing was trained again.
    """
    quick = {name: member for name, member in members.items() if name in QUICK_MEMBERS}
    hurried = None
    if 0 < len(quick) < len(members):
        hurried = combine_members(target, quick, said, labels, precision=precision, growths=growths)
    classes = next(iter(members.values())).classes_
    found = calibrate(
        [said[name] for name in members],
        labels,
        classes,
        precision=precision,
        growths=None if growths is None else [growths[name] for name in members],
    )
    return TriageModel(target, members, found.pool, found.speaking, found.suggesting, found.coverage, hurried)
