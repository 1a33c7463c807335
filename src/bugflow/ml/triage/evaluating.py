"""Trying back-ends on held-back reports, beside what they have to beat."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import TARGET_PRECISION, index_labels
from bugflow.ml.contract import Learner
from bugflow.ml.evaluation import Scores, compare_macro_f1, compare_paired, score
from bugflow.ml.triage.backends import BASELINES, MAJORITY
from bugflow.ml.triage.examples import Partition, Target
from bugflow.ml.triage.training import TriedLearner, calibrate, try_learners


@dataclass(frozen=True)
class Trial:
    """What came of one back-end.

    Attributes:
        weights: What each of its members counts in their pooled opinion.
        said: The column of the label it said of each test report.
        lead: How much more accurate it is than the most accurate baseline, in [-1, 1]; none for a baseline itself.
        chance: How probable as large a difference is by chance, in [0, 1]; none for a baseline itself.
        f1_lead: How much higher its macro-F1 is than the baseline's with the highest; none for a baseline itself.
        f1_chance: How probable as large a difference is by chance, in [0, 1]; none for a baseline itself.
    """

    backend: str
    scores: Scores
    weights: Mapping[str, float]
    train_seconds: float
    ms_per_report: float
    said: NDArray[np.int_]
    lead: float | None = None
    chance: float | None = None
    f1_lead: float | None = None
    f1_chance: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came of all of them on the same reports.

    Attributes:
        tried: The trained learners of all back-ends, by name.
    """

    target: Target
    split: str
    n_train: int
    n_calibration: int
    n_test: int
    classes: tuple[str, ...]
    trials: tuple[Trial, ...]
    tried: Mapping[str, TriedLearner]

    @property
    def best(self) -> str:
        """The back-end with the highest macro-F1, the simpler one of equals."""
        return max(self.trials, key=lambda trial: trial.scores.macro_f1).backend

    def to_json(self) -> dict[str, Any]:
        """Return it for programs."""
        majority = next(trial for trial in self.trials if trial.backend == MAJORITY)
        return {
            "target": self.target,
            "split": self.split,
            "n_train": self.n_train,
            "n_calibration": self.n_calibration,
            "n_test": self.n_test,
            "classes": list(self.classes),
            "majority_accuracy": majority.scores.accuracy,
            "results": {trial.backend: _describe(trial) for trial in self.trials},
            "best": self.best,
        }


def _describe(trial: Trial) -> dict[str, Any]:
    scores = trial.scores
    return {
        "accuracy": scores.accuracy,
        "accuracy_interval": list(scores.accuracy_interval),
        "macro_f1": scores.macro_f1,
        "selective_precision": scores.selective_precision,
        "coverage": scores.coverage,
        "ece": scores.ece,
        "train_seconds": trial.train_seconds,
        "ms_per_report": trial.ms_per_report,
        "weights": dict(trial.weights),
        "lead_over_best_baseline": trial.lead,
        "p_against_best_baseline": trial.chance,
        "macro_f1_lead_over_best_baseline": trial.f1_lead,
        "macro_f1_p_against_best_baseline": trial.f1_chance,
        "by_class": {
            each.label: {"precision": each.precision, "recall": each.recall, "f1": each.f1, "support": each.support}
            for each in scores.by_class
        },
    }


def evaluate(
    target: Target,
    data: Partition,
    learners: Mapping[str, Callable[[], Learner]],
    backends: Mapping[str, Sequence[str]],
    *,
    precision: float = TARGET_PRECISION,
    balanced: bool = False,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Train each learner, pool those of each back-end, calibrate, and try it on the test part.

    Baselines are taken as they are: calibrated by a temperature, which leaves the order of their labels alone.

    Args:
        target: What is to be found.
        data: No part of which may be empty.
        learners: How each is made, by its name.
        backends: The learners of each back-end, by its name.
        precision: What the thresholds are chosen for, in (0, 1].
        balanced: Whether rare labels weigh as much as frequent ones to the learners.
        seed: Of the intervals.
        tell: Called with a learner's name before it is trained.
    """
    tried = try_learners(
        (name for members in backends.values() for name in members), learners, data, balanced=balanced, tell=tell
    )
    classes = next(iter(tried.values())).learner.classes_
    truth = index_labels(data.test.labels, classes)
    trials = [
        _judge(name, {member: tried[member] for member in members}, data, truth, precision=precision, seed=seed)
        for name, members in backends.items()
    ]
    compared = [_compare(trial, trials, truth, seed) for trial in trials]
    sizes = (len(data.train), len(data.calibration), len(data.test))
    return Evaluation(target, data.split, *sizes, classes, tuple(compared), tried)


def _judge(
    name: str,
    members: Mapping[str, TriedLearner],
    data: Partition,
    truth: NDArray[np.int_],
    *,
    precision: float,
    seed: int,
) -> Trial:
    classes = next(iter(members.values())).learner.classes_
    found = calibrate(
        [each.calibration for each in members.values()],
        data.calibration.labels,
        classes,
        precision=precision,
        biased=name not in BASELINES,
        growths=[each.growth for each in members.values()],
    )
    probabilities = found.pool.combine([each.test for each in members.values()])
    return Trial(
        backend=name,
        scores=score(probabilities, truth, classes, found.speaking, seed=seed),
        weights=dict(zip(members, found.pool.weights.tolist(), strict=True)),
        train_seconds=sum(each.train_seconds for each in members.values()),
        ms_per_report=sum(each.ms_per_report for each in members.values()),
        said=probabilities.argmax(axis=1),
    )


def _compare(trial: Trial, trials: Sequence[Trial], truth: NDArray[np.int_], seed: int) -> Trial:
    baselines = [each for each in trials if each.backend in BASELINES]
    if trial.backend in BASELINES or not baselines:
        return trial
    bar = max(baselines, key=lambda each: each.scores.accuracy)
    f1_bar = max(baselines, key=lambda each: each.scores.macro_f1)
    return replace(
        trial,
        lead=trial.scores.accuracy - bar.scores.accuracy,
        chance=compare_paired(trial.said == truth, bar.said == truth),
        f1_lead=trial.scores.macro_f1 - f1_bar.scores.macro_f1,
        f1_chance=compare_macro_f1(trial.said, f1_bar.said, truth, seed=seed),
    )
