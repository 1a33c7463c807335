"""Trying back-ends on held-back reports, beside what they have to beat."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import (
    TARGET_PRECISION,
    choose_thresholds,
    fit_temperature,
    index_labels,
    scale_temperature,
)
from bugflow.ml.contract import Classifier
from bugflow.ml.evaluation import Scores, compare_paired, score
from bugflow.ml.triage.baselines import (
    SEVERITY_MEANINGS,
    SEVERITY_RULES,
    TEAM_RULES,
    TEAM_WORDS,
    KeywordClassifier,
    MajorityClassifier,
)
from bugflow.ml.triage.examples import Partition, Target
from bugflow.ml.triage.linear import LinearClassifier

MAJORITY = "majority"
BASELINES = (MAJORITY, "keyword")


@dataclass(frozen=True)
class Trial:
    """What came of one back-end.

    Attributes:
        temperature: What its probabilities were calibrated by.
        lead: How much more accurate it is than the most accurate baseline, in [-1, 1]; none for a baseline itself.
        chance: How probable as large a difference is by chance, in [0, 1]; none for a baseline itself.
    """

    backend: str
    scores: Scores
    temperature: float
    train_seconds: float
    ms_per_report: float
    right: NDArray[np.bool_]
    lead: float | None = None
    chance: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """What came of all of them on the same reports."""

    target: Target
    split: str
    n_train: int
    n_calibration: int
    n_test: int
    classes: tuple[str, ...]
    trials: tuple[Trial, ...]

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
        "temperature": trial.temperature,
        "lead_over_best_baseline": trial.lead,
        "p_against_best_baseline": trial.chance,
        "by_class": {
            each.label: {"precision": each.precision, "recall": each.recall, "f1": each.f1, "support": each.support}
            for each in scores.by_class
        },
    }


def list_backends(target: Target, labels: Sequence[str], *, seed: int = 0) -> Mapping[str, Callable[[], Classifier]]:
    """Return how to make each back-end that can be tried: rules only where they know one of the labels."""
    backends: dict[str, Callable[[], Classifier]] = {MAJORITY: MajorityClassifier}
    present = {label.lower() for label in labels}
    if target == "severity" and present & SEVERITY_MEANINGS.keys():
        backends["keyword"] = lambda: KeywordClassifier(SEVERITY_RULES, SEVERITY_MEANINGS)
    teams = {name.lower(): name for name in TEAM_WORDS}
    if target == "team" and present & teams.keys():
        backends["keyword"] = lambda: KeywordClassifier(TEAM_RULES, teams)
    backends["linear"] = lambda: LinearClassifier(seed=seed)
    return backends


def evaluate(
    target: Target,
    data: Partition,
    backends: Mapping[str, Callable[[], Classifier]],
    *,
    precision: float = TARGET_PRECISION,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Evaluation:
    """Train each back-end, calibrate it, and try it on the test part.

    Args:
        target: What is to be found.
        data: No part of which may be empty.
        backends: How each is made, by its name.
        precision: What the thresholds are chosen for, in (0, 1].
        seed: Of the intervals.
        tell: Called with a back-end's name before it is trained.
    """
    trials = []
    for name, build in backends.items():
        tell(name)
        trials.append(_try(name, build(), data, precision, seed))
    baselines = [trial for trial in trials if trial.backend in BASELINES]
    bar = max(baselines, key=lambda trial: trial.scores.accuracy)
    compared = [trial if trial.backend in BASELINES else _compare(trial, bar) for trial in trials]
    classes = tuple(sorted(set(data.train.labels)))
    sizes = (len(data.train), len(data.calibration), len(data.test))
    return Evaluation(target, data.split, *sizes, classes, tuple(compared))


def _compare(trial: Trial, bar: Trial) -> Trial:
    lead = trial.scores.accuracy - bar.scores.accuracy
    return replace(trial, lead=lead, chance=compare_paired(trial.right, bar.right))


def _try(name: str, model: Classifier, data: Partition, precision: float, seed: int) -> Trial:
    started = time.perf_counter()
    model.fit(data.train.reports, data.train.labels)
    trained = time.perf_counter() - started
    known = index_labels(data.calibration.labels, model.classes_)
    calibrating = model.predict_probabilities(data.calibration.reports)
    temperature = fit_temperature(calibrating, known)
    thresholds = choose_thresholds(scale_temperature(calibrating, temperature), known, target=precision)
    started = time.perf_counter()
    probabilities = scale_temperature(model.predict_probabilities(data.test.reports), temperature)
    taken_ms = (time.perf_counter() - started) * 1000 / len(data.test)
    truth = index_labels(data.test.labels, model.classes_)
    scores = score(probabilities, truth, model.classes_, thresholds, seed=seed)
    return Trial(name, scores, temperature, trained, taken_ms, probabilities.argmax(axis=1) == truth)
