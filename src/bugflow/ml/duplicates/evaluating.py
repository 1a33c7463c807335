"""Tries methods on a tracker's past: how often the older report is among the best, and how often the flag is right."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.baselines import score_bm25, score_encoder, score_rep
from bugflow.ml.duplicates.candidates import find_candidates
from bugflow.ml.duplicates.features import compute_features
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.lessons import choose_others
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import Moment, count_before, replay
from bugflow.ml.evaluation import MIDDLE, RESAMPLES, compare_paired

ENCODER, OURS = "encoder", "ours"
CUTS = (1, 5, 10, 20)
COMPARED = 10
"""Methods are compared by Recall at this cut."""
NOT_FOUND = 1_000_000
OTHERS = 2_000
"""Reports that nobody called a duplicate, on which the flag is tried as well, at most so many."""

Ranks = NDArray[np.int64]
BASELINES: Mapping[str, Callable[[Moment], NDArray[np.float32]]] = {
    "bm25": score_bm25,
    ENCODER: score_encoder,
    "rep": score_rep,
}


@dataclass(frozen=True)
class Trial:
    """What came of one method.

    Attributes:
        ranks: By query, how many others stand before the first right one; shape (queries,).
        seconds: Of all queries, without making their vectors.
    """

    method: str
    ranks: Ranks
    seconds: float

    def recall(self, cut: int, some: NDArray[np.bool_] | None = None) -> float:
        """Return the share of queries, in [0, 1], whose first right one is among so many."""
        ranks = self.ranks if some is None else self.ranks[some]
        return float((ranks < cut).mean()) if len(ranks) else 0.0

    def mrr(self, some: NDArray[np.bool_] | None = None) -> float:
        """Return the mean of 1 / place of the first right one, in [0, 1]."""
        ranks = self.ranks if some is None else self.ranks[some]
        return float((ranks < NOT_FOUND).astype(float) @ (1 / (1 + ranks)) / len(ranks)) if len(ranks) else 0.0

    def recall_interval(self, cut: int, *, seed: int = 0) -> tuple[float, float]:
        """Return the 95 % interval of the recall, by bootstrap over the queries."""
        hits = np.random.default_rng(seed).binomial(len(self.ranks), self.recall(cut), RESAMPLES) / len(self.ranks)
        low, high = np.percentile(hits, MIDDLE)
        return float(low), float(high)

    def to_json(self, some: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """Return the figures, of all queries or of some."""
        return {f"recall_at_{cut}": self.recall(cut, some) for cut in CUTS} | {"mrr": self.mrr(some)}


@dataclass(frozen=True)
class Flag:
    """How good the flag "same bug" is; only bugs are flagged.

    Attributes:
        precision: Of the duplicates that were flagged, the share for which the right one was; none where nothing was.
        recall: Of all duplicates, the share for which the right one was flagged.
        lowest_precision: Of all reports that were flagged, the share that is known to be the same bug. A lower bound:
            a report that nobody has linked counts as wrong, also where it repeats an older one word for word. What
            somebody called a duplicate of something unknown is left out.
        flagged: How many reports that were tried were flagged.
    """

    precision: float | None
    recall: float
    threshold: float
    lowest_precision: float | None
    flagged: int


@dataclass(frozen=True)
class Evaluation:
    """What came of a file.

    Attributes:
        same_title: Which queries have an older report of the same bug with the same title; shape (queries,).
        p_values: By method, how probable a difference in Recall@10 as large as that to ours is by chance.
    """

    n_issues: int
    trials: tuple[Trial, ...]
    same_title: NDArray[np.bool_]
    flag: Flag
    p_values: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return all figures."""
        queries = len(self.same_title)
        results: dict[str, dict[str, Any]] = {}
        for trial in self.trials:
            low, high = trial.recall_interval(COMPARED)
            results[trial.method] = {
                **trial.to_json(),
                "ms_per_query": 1000 * trial.seconds / max(queries, 1),
                "recall_at_10_interval": [low, high],
                "without_same_title": trial.to_json(~self.same_title),
                "p_of_recall_at_10_against_ours": self.p_values.get(trial.method),
            }
        flag = {
            "precision": self.flag.precision,
            "recall": self.flag.recall,
            "threshold": self.flag.threshold,
            "lowest_precision": self.flag.lowest_precision,
            "flagged": self.flag.flagged,
        }
        return {
            "n_issues": self.n_issues,
            "n_queries": queries,
            "n_same_title": int(self.same_title.sum()),
            "results": results,
            "flag": flag,
        }


def evaluate(
    history: History,
    profiles: list[Profile],
    ranker: Ranker,
    *,
    seed: int = 0,
    tell: Callable[[float], None] = lambda _: None,
) -> Evaluation:
    """Try all methods on every duplicate of a history, each with what was known when it was filed.

    Without vectors the encoder alone is left out. Where scores are equal a baseline's right one counts as first.

    Args:
        history: The tracker's past.
        profiles: Of each of its reports.
        ranker: Of our method, as it is.
        seed: Of the choice of reports that are no known duplicates.
        tell: Is called with the share that is done.
    """
    queries = set(history.queries)
    others = choose_others(history, OTHERS, seed=seed)
    rows = sorted(queries | set(others))
    baselines = {name: score for name, score in BASELINES.items() if name != ENCODER or _has_vectors(profiles)}
    ranks: dict[str, list[int]] = {name: [] for name in (*baselines, OURS)}
    seconds = dict.fromkeys(ranks, 0.0)
    flags = _Flags(ranker.threshold)
    for done, moment in enumerate(replay(history, profiles, rows)):
        asked = moment.row in queries
        right = history.clusters == history.clusters[moment.row]
        for name, score in baselines.items() if asked else ():
            started = time.perf_counter()
            scores = score(moment)
            seconds[name] += time.perf_counter() - started
            ranks[name].append(find_rank(scores, moment, right[: len(scores)]))
        started = time.perf_counter()
        rank, probability, is_right = _ask_ours(moment, ranker, right)
        if asked:
            seconds[OURS] += time.perf_counter() - started
            ranks[OURS].append(rank)
        flags.note(probability if moment.query.filed.is_bug else 0.0, is_right=is_right, is_duplicate=asked)
        tell((done + 1) / len(rows))
    trials = tuple(Trial(name, np.array(each, dtype=np.int64), seconds[name]) for name, each in ranks.items())
    ours = trials[-1].ranks < COMPARED
    p_values = {each.method: compare_paired(ours, each.ranks < COMPARED) for each in trials[:-1]}
    weight = (len(history) - len(queries | history.doubtful)) / max(len(others), 1)
    return Evaluation(len(history), trials, _find_same_titles(history), flags.summarise(weight), p_values)


def _has_vectors(profiles: list[Profile]) -> bool:
    return any(each.text is not None for each in profiles)


def find_rank(scores: NDArray[np.float32], moment: Moment, right: NDArray[np.bool_]) -> int:
    """Return how many older reports have a higher score than the best right one; many where there is no right one.

    Args:
        scores: Of every older report, shape (reports,).
        moment: Of the report that was asked about.
        right: Whether each is the same bug; shape of `scores`.
    """
    older = moment.index.created[: len(scores)] < moment.query.filed.created
    best = scores[right & older].max(initial=-np.inf)
    return int((scores[older] > best).sum()) if np.isfinite(best) else NOT_FOUND


def _ask_ours(moment: Moment, ranker: Ranker, right: NDArray[np.bool_]) -> tuple[int, float, bool]:
    """Return the rank of the first right group, the probability of the first one, and whether that is right."""
    found = find_candidates(moment.index, moment.query)
    if not len(found.rows):
        return NOT_FOUND, 0.0, False
    ranking = ranker.rank(compute_features(moment.index, moment.query, found))
    groups = moment.index.groups[found.rows]
    hits = set(groups[right[found.rows]].tolist())
    rank = count_before(groups[ranking.order], hits)
    first = ranking.order[0]
    return NOT_FOUND if rank is None else rank, float(ranking.probabilities[first]), int(groups[first]) in hits


class _Flags:
    """Counts what the flag says."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._duplicates = self._right = self._wrong = self._false = 0

    def note(self, probability: float, *, is_right: bool, is_duplicate: bool) -> None:
        """Note what was said of one report."""
        self._duplicates += is_duplicate
        if probability >= self._threshold:
            self._right += is_duplicate and is_right
            self._wrong += is_duplicate and not is_right
            self._false += not is_duplicate

    def summarise(self, weight: float) -> Flag:
        """Return the figures; each report that is no known duplicate stands for so many."""
        said = self._right + self._wrong
        total = said + weight * self._false
        return Flag(
            precision=self._right / said if said else None,
            recall=self._right / max(self._duplicates, 1),
            threshold=self._threshold,
            lowest_precision=self._right / total if total else None,
            flagged=said + self._false,
        )


def _find_same_titles(history: History) -> NDArray[np.bool_]:
    titles = [" ".join(each.title.casefold().split()) for each in history.reports]
    same = [any(titles[older] == titles[row] for older in history.list_older(row)) for row in history.queries]
    return np.array(same, dtype=np.bool_)
