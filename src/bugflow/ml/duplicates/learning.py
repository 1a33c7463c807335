"""Trains a ranker on reports beside their candidates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bugflow.ml.duplicates.features import list_features
from bugflow.ml.duplicates.lessons import Lesson
from bugflow.ml.duplicates.ranker import JUDGED, Ranker, join_standing
from bugflow.ml.duplicates.replay import Comparison

FOLDS = 5
TARGET_PRECISION = 0.9
LEAST_FLAGGED = 30
NEARLY_THE_SAME = {"title_shared": 0.8, "title_meaning": 0.9, "meaning": 0.9}
"""From which value of a feature on an older report is so near that nobody can say, unasked, that it is another bug."""
_NEARNESS = [list_features().index(name) for name in NEARLY_THE_SAME]

_TREES: dict[str, Any] = {
    "learning_rate": 0.05,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "verbose": -1,
    "deterministic": True,
    "force_row_wise": True,
}
_RANKING: dict[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "label_gain": [0, 1],
    "num_leaves": 15,
}
_JUDGING: dict[str, Any] = {"objective": "binary", "num_leaves": 7}


@dataclass(frozen=True)
class Options:
    """How a ranker is trained.

    Attributes:
        rounds: Trees of the ranking.
        judging_rounds: Trees of the judging.
        threads: How many train.
    """

    rounds: int = 300
    judging_rounds: int = 150
    threads: int = 1
    seed: int = 0
    target_precision: float = TARGET_PRECISION


@dataclass(frozen=True)
class _Judged:
    """The best candidates of some reports by a ranking that has not seen these.

    Attributes:
        features: What the judging sees, shape (candidates, features).
        right: Whether each candidate is the same bug.
        weights: For how many reports each one's report stands.
        first: Whether each is the best of its report.
    """

    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    weights: NDArray[np.float64]
    first: NDArray[np.bool_]


def train_ranker(lessons: Sequence[Lesson], options: Options | None = None) -> Ranker:
    """Return a ranker.

    The ranking learns from reports of which an older one is the same bug; the judging from all, by what a ranking says
    that has not seen them. Calibration and threshold come from reports that neither has seen: those of the other
    trackers where there are several, else the fifths in turn.

    A report that nearly repeats an older one, of which nobody has said that they are the same bug, is left out of
    judging: nobody has said either that they are not, and most of them are.

    Args:
        lessons: One for each tracker.
        options: How.
    """
    options = options or Options()
    folds = _divide(lessons)
    judged = [_judge_unseen(folds, held, options) for held in range(len(folds))]
    ranking = _fit_ranking([each for fold in folds for each in fold.comparisons], options)
    judging = _fit_judging(judged, options)
    raw = np.concatenate([_ask_unseen(judged, held, options) for held in range(len(judged))])
    first = np.concatenate([each.first for each in judged])
    truth = np.concatenate([each.right for each in judged])[first]
    weights = np.concatenate([each.weights for each in judged])[first]
    slope, intercept = _calibrate(raw[first], truth, weights)
    probabilities = 1 / (1 + np.exp(-(slope * raw[first] + intercept)))
    threshold = choose_threshold(probabilities, truth, weights, target=options.target_precision)
    return Ranker(ranking, judging, slope, intercept, threshold)


def _divide(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return folds of which each can be judged by what is learned from the others."""
    known = [each for each in lessons if len(each.comparisons)]
    if len(known) > 1:
        return known
    rows = np.array_split(np.arange(len(known[0].comparisons)), FOLDS)
    return [Lesson([known[0].comparisons[row] for row in some], known[0].others_weight) for some in rows]


def _judge_unseen(folds: Sequence[Lesson], held: int, options: Options) -> _Judged:
    others = [each for fold, lesson in enumerate(folds) if fold != held for each in lesson.comparisons]
    ranking = _fit_ranking(others, options)
    features, right, weights, first = [], [], [], []
    for each in folds[held].comparisons:
        known = bool(each.right.any())
        if not known and bool((each.features[:, _NEARNESS] >= list(NEARLY_THE_SAME.values())).any()):
            continue
        scores = np.asarray(ranking.predict(each.features, num_threads=options.threads))
        order = np.argsort(-scores, kind="stable")
        some = min(JUDGED, len(order))
        features.append(join_standing(each.features, scores, order))
        right.append(each.right[order[:JUDGED]])
        weights.append(np.full(some, 1.0 if known else folds[held].others_weight))
        first.append(np.arange(some) == 0)
    return _Judged(*(np.concatenate(each) for each in (features, right, weights, first)))


def _fit_ranking(comparisons: Sequence[Comparison], options: Options) -> lightgbm.Booster:
    useful = [each for each in comparisons if each.right.any() and not each.right.all()]
    features = np.concatenate([each.features for each in useful])
    data = lightgbm.Dataset(
        features, np.concatenate([each.right for each in useful]), group=[len(each.right) for each in useful]
    )
    return lightgbm.train(_complete(_RANKING, options), data, options.rounds)


def _fit_judging(judged: Sequence[_Judged], options: Options) -> lightgbm.Booster:
    data = lightgbm.Dataset(
        np.concatenate([each.features for each in judged]),
        np.concatenate([each.right for each in judged]),
        weight=np.concatenate([each.weights for each in judged]),
    )
    return lightgbm.train(_complete(_JUDGING, options), data, options.judging_rounds)


def _ask_unseen(judged: Sequence[_Judged], held: int, options: Options) -> NDArray[np.float64]:
    """Return the log-odds that a judging gives a fold that it has not seen."""
    judging = _fit_judging([each for fold, each in enumerate(judged) if fold != held], options)
    return np.asarray(judging.predict(judged[held].features, raw_score=True, num_threads=options.threads))


def _complete(params: dict[str, Any], options: Options) -> dict[str, Any]:
    return {**_TREES, **params, "seed": options.seed, "num_threads": options.threads}


def _calibrate(raw: NDArray[np.float64], truth: NDArray[np.bool_], weights: NDArray[np.float64]) -> tuple[float, float]:
    """Return slope and intercept of log-odds under which the truth is most likely.

    Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999.
    """

    def loss(point: NDArray[np.float64]) -> float:
        logits = point[0] * raw + point[1]
        surprise = np.logaddexp(0, np.where(truth, -logits, logits))
        return float(weights @ surprise + (point[0] - 1) ** 2 + point[1] ** 2)

    slope, intercept = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return max(float(slope), 0.0), float(intercept)


def choose_threshold(
    probabilities: NDArray[np.float64],
    truth: NDArray[np.bool_],
    weights: NDArray[np.float64],
    *,
    target: float = TARGET_PRECISION,
) -> float:
    """Return the lowest probability from which on the precision is at least the target; 1 where none is.

    At least 30 reports must be flagged at it: fewer say nothing about nine in ten.

    Args:
        probabilities: Of each report's best candidate.
        truth: Whether that is the same bug.
        weights: For how many reports each stands.
        target: In [0, 1].
    """
    order = np.argsort(-probabilities, kind="stable")
    share = np.cumsum(truth[order] * weights[order]) / np.cumsum(weights[order])
    enough = np.flatnonzero((share >= target) & (np.arange(len(order)) + 1 >= LEAST_FLAGGED))
    return float(probabilities[order[enough[-1]]]) if len(enough) else 1.0
