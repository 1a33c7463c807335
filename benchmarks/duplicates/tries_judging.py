"""Tries of what learns: another loss for the order, and other ways to the flag."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import ModuleType
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from trackers import print_copies
from tries_figures import compare_shares, print_ranks
from tries_ranking import Bench, Flagged, exchange, fit_ranking, flag_lesson, rank_lesson, score_by

from bugflow.ml.duplicates import learning, ranker
from bugflow.ml.duplicates.features import list_features
from bugflow.ml.duplicates.learning import LEAST_FLAGGED, Options, train_ranker
from bugflow.ml.duplicates.replay import Comparison

BINARY = {"objective": "binary", "num_leaves": 15}
Change = tuple[ModuleType, dict[str, Any]]


def try_binary(bench: Bench) -> None:
    """Trees that look at one candidate at a time (a binary loss) instead of LambdaMART."""
    for name in bench.trackers:
        history, _, lesson = bench.pasts[name]
        with exchange(learning, _RANKING=BINARY):
            alone = fit_ranking([bench.pasts[other][2] for other in bench.list_teachers(name)])
        kept = rank_lesson(history, lesson, score_by(bench.rank_kept(name)))
        print_ranks(f"{name}, the ranker", kept, rank_lesson(history, lesson, score_by(alone)))


def try_without_copies(bench: Bench) -> None:
    """A ranker that no made-up report has taught."""
    for name in bench.trackers:
        history, _, lesson = bench.pasts[name]
        taught = train_ranker([replace(bench.pasts[other][2], copies=()) for other in bench.list_teachers(name)])
        print(f"{name}, without made-up reports:")
        print_copies(taught, lesson)
        kept = rank_lesson(history, lesson, score_by(bench.rank_kept(name)))
        print_ranks(f"{name}, the ranker", kept, rank_lesson(history, lesson, score_by(taught.ranking)))


def try_flag(bench: Bench) -> None:
    """Judging the first candidate alone, judging by features that have a scale, too, and a threshold by all reports."""
    ways: dict[str, list[Change]] = {
        "the first candidate alone": [(learning, {"JUDGED": 1}), (ranker, {"JUDGED": 1})],
        "by lengths and ages, too": [(ranker, {"_SHOWN": list(range(len(list_features())))})],
        "threshold by all reports": [(learning, {"_choose_threshold": choose_by_all})],
    }
    fit = remember(learning._fit_ranking)  # noqa: SLF001 -- Each way has the same rankings.
    for name in bench.trackers:
        kept = flag_with(bench, name, fit, [])
        print(f"{name}, as it is: {kept}", flush=True)
        for way, changes in ways.items():
            tried = flag_with(bench, name, fit, changes)
            print(f"  {way}: {tried}")
            print(f"    flagged and right {compare_shares(kept.hits, tried.hits)}", flush=True)


def flag_with(bench: Bench, name: str, fit: Any, changes: Sequence[Change]) -> Flagged:  # noqa: ANN401 -- A function.
    """Return what the flag says on a tracker where the others taught it in another way."""
    history, _, lesson = bench.pasts[name]
    with ExitStack() as stack:
        stack.enter_context(exchange(learning, _fit_ranking=fit))
        for module, tried in changes:
            stack.enter_context(exchange(module, **tried))
        taught = train_ranker([bench.pasts[other][2] for other in bench.list_teachers(name)])
        return flag_lesson(history, lesson, taught)


def remember(
    fit: Callable[[Sequence[Comparison], Options], lightgbm.Booster],
) -> Callable[[Sequence[Comparison], Options], lightgbm.Booster]:
    """Return the same function, which does nothing twice."""
    known: dict[tuple[int, ...], lightgbm.Booster] = {}

    def fit_once(comparisons: Sequence[Comparison], options: Options) -> lightgbm.Booster:
        key = tuple(map(id, comparisons))
        if key not in known:
            known[key] = fit(comparisons, options)
        return known[key]

    return fit_once


def choose_by_all(judged: Any, probabilities: NDArray[np.float64], _: float, least: float) -> float:  # noqa: ANN401 -- Private.
    """Return the lowest probability from which on nine in ten of all reports were right, unlinked ones wrong."""
    said, truth, weights = (each[judged.first] for each in (probabilities, judged.right, judged.weights))
    order = np.argsort(-said, kind="stable")
    share = np.cumsum((weights * truth)[order]) / np.cumsum(weights[order])
    enough = np.flatnonzero((share >= least) & (np.arange(len(order)) + 1 >= LEAST_FLAGGED))
    return float(said[order[enough[-1]]]) if len(enough) else 1.0
