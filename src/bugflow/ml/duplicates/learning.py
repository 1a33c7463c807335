"""Trains a ranker on reports beside their candidates."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from bugflow.ml.duplicates.features import list_features
from bugflow.ml.duplicates.lessons import Lesson
from bugflow.ml.duplicates.ranker import JUDGED, Ranker, list_judged, show_best
from bugflow.ml.duplicates.replay import Comparison

FOLDS = 5
TARGET_PRECISION = 0.9
"""Of flagged duplicates, the share that is to be right on the tracker that was learned from."""
PRECISION_OF_EACH = 0.95
"""The share on each of several trackers, since less will be right on another one.

Of flags that were right for .90 on each of two trackers .79, .96 and .98 were right on a third; with .95 they are .86,
.97 and .98 (`benchmarks/duplicates/trackers.py --precision-of-each`).
"""
LEAST_FLAGGED = 30
NEARLY_THE_SAME = {"title_shared": 0.8, "title_meaning": 0.9, "meaning": 0.9}
"""From which value of a feature on an older report is so near that nobody can say, unasked, that it is another bug."""
_NEARNESS = [list_features().index(name) for name in NEARLY_THE_SAME]

_TREES: dict[str, Any] = {
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
RISING = (
    *("meaning", "title_meaning", "title_in_text", "text_in_title", "both_meanings", "words", "title_words"),
    *("title_shared", "prose_found", "prose_shared", "code_found", "code_shared", "all_found", "shared"),
    *("title_in_all", "its_title_found", "pairs", "versions", "frames", "score_ahead"),
)
"""The more of these, the more probable it is that two reports are the same bug, whatever one tracker's past says."""
FALLING = tuple(
    f"{side}{where}{how}" for side in ("missed", "extra") for where in ("", "_in_title") for how in ("", "_count")
)
"""And the less."""


@dataclass(frozen=True)
class Options:
    """How a ranker is trained.

    Attributes:
        rounds: Trees of the ranking.
        judging_rounds: Trees of the judging.
        threads: How many train.
        target_precision: Of the flag, where one tracker teaches.
        precision_of_each: Of the flag, where several do; on one that never reaches it, the former is enough.
        learning_rate: How much each tree adds.
        base: A ranker to which trees are added, so that little is enough to learn from; none begins anew.
    """

    rounds: int = 300
    judging_rounds: int = 150
    threads: int = 1
    seed: int = 0
    target_precision: float = TARGET_PRECISION
    precision_of_each: float = PRECISION_OF_EACH
    learning_rate: float = 0.05
    base: Ranker | None = None


@dataclass(frozen=True)
class _Judged:
    """The best candidates of some reports by a ranking that has not seen these.

    Attributes:
        features: What the judging sees, shape (candidates, features).
        right: Whether each candidate is the same bug.
        weights: For how many reports each one's report stands.
        first: Whether each is the best of its report, and that was really filed.
        known: Whether an older report is known to be the same bug as each one's report.
    """

    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    weights: NDArray[np.float64]
    first: NDArray[np.bool_]
    known: NDArray[np.bool_]


def train_ranker(lessons: Sequence[Lesson], options: Options | None = None) -> Ranker:
    """Return a ranker.

    The ranking learns from reports of which an older one is the same bug; the judging from all, by what a ranking says
    that has not seen them. Calibration and threshold come from reports that neither has seen: those of the other
    trackers where there are several, else the fifths in turn. From the threshold on, enough of the flagged duplicates
    were right: nine in ten of one tracker, and of several more, on each, since the ranker is for others.

    Both learn from each report twice: as it was filed, and as it was when only its title was written.

    Judging is about bugs: tasks that repeat each other every week are no duplicates.

    Of reports that repeat an older one word for word, with an exchanged one or in part, it learns from made-up ones:
    trackers have few. These decide nothing about calibration and threshold.

    A report that nearly repeats an older one, of which nobody has said that they are the same bug, is left out of
    judging, unless it was fixed by itself: nobody has said either that they are not, and most of them are.

    Args:
        lessons: One for each tracker.
        options: How.
    """
    options = options or Options()
    folds = _divide(lessons)
    judged = [_judge_unseen(folds, held, options) for held in range(len(folds))]
    ranking = _fit_ranking([each for fold in folds for each in _list_all(fold)], options)
    judging = _fit_judging(judged, options)
    raw = np.concatenate([_ask_unseen(judged, held, options) for held in range(len(judged))])
    first = np.concatenate([each.first for each in judged])
    truth = np.concatenate([each.right for each in judged])
    weights = np.concatenate([each.weights for each in judged])
    slope, intercept = _calibrate(raw[first], truth[first], weights[first])
    sizes = np.cumsum([len(each.first) for each in judged])[:-1]
    probabilities = 1 / (1 + np.exp(-(slope * raw + intercept)))
    asked = list(zip(judged, np.split(probabilities, sizes), strict=True))
    target = options.precision_of_each
    if len(lessons) == 1:
        asked, target = [(_join(judged), probabilities)], options.target_precision
    threshold = max(_choose_threshold(each, some, target, options.target_precision) for each, some in asked)
    return Ranker(ranking, judging, slope, intercept, threshold)


def _join(judged: Sequence[_Judged]) -> _Judged:
    return _Judged(*(np.concatenate([getattr(each, part.name) for each in judged]) for part in fields(_Judged)))


def _choose_threshold(judged: _Judged, probabilities: NDArray[np.float64], target: float, least: float) -> float:
    chosen = judged.first & judged.known
    return choose_threshold(probabilities[chosen], judged.right[chosen], target=target, least=least)


def _divide(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return folds of which each can be judged by what is learned from the others."""
    known = [each for each in lessons if len(each.comparisons)]
    if len(known) > 1:
        return known
    rows = np.array_split([each.row for each in known[0].comparisons], FOLDS)
    return [known[0].choose(some.tolist()) for some in rows]


def _list_all(lesson: Lesson) -> list[Comparison]:
    return [*lesson.comparisons, *lesson.drafts, *lesson.copies]


def _judge_unseen(folds: Sequence[Lesson], held: int, options: Options) -> _Judged:
    others = [each for fold, lesson in enumerate(folds) if fold != held for each in _list_all(lesson)]
    ranking = _fit_ranking(others, options)
    judged = []
    for each in [*folds[held].comparisons, *folds[held].drafts]:
        known = bool(each.right.any())
        if each.is_bug and (known or each.settled or not _is_near(each)):
            weight = 1.0 if known else folds[held].others_weight
            judged.append(_take_best(ranking, each, weight, known=known, options=options))
    for each in folds[held].copies:
        best = _take_best(ranking, each, 1.0, known=False, options=options)
        judged.append(replace(best, first=np.zeros_like(best.first)))
    return _join(judged)


def _take_best(
    ranking: lightgbm.Booster, comparison: Comparison, weight: float, *, known: bool, options: Options
) -> _Judged:
    scores = np.asarray(ranking.predict(comparison.features, num_threads=options.threads))
    order = np.argsort(-scores, kind="stable")
    best = np.arange(min(JUDGED, len(order)))
    return _Judged(
        features=show_best(comparison.features, scores, order),
        right=comparison.right[order[:JUDGED]],
        weights=np.full(len(best), weight),
        first=best == 0,
        known=np.full(len(best), known),
    )


def _is_near(comparison: Comparison) -> bool:
    """Whether the report nearly repeats an older one."""
    return bool((comparison.features[:, _NEARNESS] >= list(NEARLY_THE_SAME.values())).any())


def _fit_ranking(comparisons: Sequence[Comparison], options: Options) -> lightgbm.Booster:
    useful = [each for each in comparisons if each.right.any() and not each.right.all()]
    features = np.concatenate([each.features for each in useful])
    data = lightgbm.Dataset(
        features, np.concatenate([each.right for each in useful]), group=[len(each.right) for each in useful]
    )
    before = None if options.base is None else options.base.ranking
    return lightgbm.train(_complete(_RANKING, options), data, options.rounds, init_model=before)


def _fit_judging(judged: Sequence[_Judged], options: Options) -> lightgbm.Booster:
    data = lightgbm.Dataset(
        np.concatenate([each.features for each in judged]),
        np.concatenate([each.right for each in judged]),
        weight=np.concatenate([each.weights for each in judged]),
    )
    signs = [(name in RISING) - (name in FALLING) for name in list_judged()]
    params = {**_JUDGING, "monotone_constraints": signs}
    before = None if options.base is None else options.base.judging
    return lightgbm.train(_complete(params, options), data, options.judging_rounds, init_model=before)


def _ask_unseen(judged: Sequence[_Judged], held: int, options: Options) -> NDArray[np.float64]:
    """Return the log-odds that a judging gives a fold that it has not seen."""
    judging = _fit_judging([each for fold, each in enumerate(judged) if fold != held], options)
    return np.asarray(judging.predict(judged[held].features, raw_score=True, num_threads=options.threads))


def _complete(params: dict[str, Any], options: Options) -> dict[str, Any]:
    own = {"learning_rate": options.learning_rate, "seed": options.seed, "num_threads": options.threads}
    return {**_TREES, **params, **own}


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
    *,
    target: float = TARGET_PRECISION,
    least: float | None = None,
) -> float:
    """Return the lowest probability from which on the precision is at least the target.

    Where it never is, the one from which on it is highest, if that is enough; else 1. At least 30 reports must be
    flagged: fewer say nothing about nine in ten.

    Args:
        probabilities: Of each duplicate's best candidate; shape (duplicates,).
        truth: Whether that is the same bug.
        target: In [0, 1].
        least: What is enough where the target is not reached; none means the target.
    """
    order = np.argsort(-probabilities, kind="stable")
    share = np.cumsum(truth[order]) / np.arange(1, len(order) + 1)
    share[: LEAST_FLAGGED - 1] = -1
    reached = np.flatnonzero(share >= target)
    if len(reached):
        return float(probabilities[order[reached[-1]]])
    if least is None or not len(share) or share.max() < least:
        return 1.0
    return float(probabilities[order[share.argmax()]])
