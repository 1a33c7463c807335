"""Several rankers asked about the same reports: where the older report of the same bug stands, and what is flagged."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.baselines import score_bm25
from bugflow.ml.duplicates.evaluating import NOT_FOUND, Ranks, find_rank
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import Comparison, compare, count_before, replay


@dataclass(frozen=True)
class Items:
    """Reports beside their candidates, as these were known when the report was filed.

    Attributes:
        duplicates: Of which an older report is the same bug; none where nothing was found to compare with.
        own: Reports that are known to be bugs of their own.
        bm25: How many older reports BM25 puts before the first right one; shape (duplicates,).
    """

    duplicates: Sequence[Comparison | None]
    own: Sequence[Comparison]
    bm25: Ranks


@dataclass(frozen=True)
class Tried:
    """What a method said of items.

    Attributes:
        ranks: How many others stand before the first right one; shape (duplicates,).
        flagged: Whether the first one was flagged as the same bug; shape (duplicates,).
        right: Whether the first one is; shape (duplicates,).
        alarms: Whether a report that is a bug of its own was flagged; shape (own,).
    """

    ranks: Ranks
    flagged: NDArray[np.bool_]
    right: NDArray[np.bool_]
    alarms: NDArray[np.bool_]

    @property
    def gains(self) -> NDArray[np.float64]:
        """1 / place of the first right one, 0 where there is none; their mean is the MRR."""
        return np.where(self.ranks < NOT_FOUND, 1 / (1 + self.ranks), 0.0)


def collect_items(
    history: History,
    profiles: Sequence[Profile],
    *,
    duplicates: Collection[int],
    own: Collection[int],
    tell: Callable[[int], None] = lambda _: None,
) -> Items:
    """Return the items of some rows of a history.

    Args:
        history: The tracker's past.
        profiles: Of each of its reports.
        duplicates: Rows of duplicates.
        own: Rows of reports that are bugs of their own.
        tell: Is called with how many are done.
    """
    wanted, found, alone, bm25 = set(duplicates), list[Comparison | None](), list[Comparison](), list[int]()
    for done, moment in enumerate(replay(history, profiles, sorted(wanted | set(own)))):
        compared = compare(history, moment)
        if moment.row in wanted:
            scores = score_bm25(moment)
            same = history.clusters[: len(scores)] == history.clusters[moment.row]
            bm25.append(find_rank(scores, moment, same))
            found.append(compared)
        elif compared is not None:
            alone.append(compared)
        tell(done + 1)
    return Items(found, alone, np.array(bm25, dtype=np.int64))


def try_ranker(items: Items, ranker: Ranker) -> Tried:
    """Return what a ranker says."""
    said = [_ask(each, ranker) for each in items.duplicates]
    return Tried(
        ranks=np.array([rank for rank, _, _ in said], dtype=np.int64),
        flagged=np.array([flagged for _, flagged, _ in said], dtype=np.bool_),
        right=np.array([right for _, _, right in said], dtype=np.bool_),
        alarms=np.array([_ask(each, ranker)[1] for each in items.own], dtype=np.bool_),
    )


def try_bm25(items: Items) -> Tried:
    """Return what BM25 says, which flags nothing."""
    nothing = np.zeros(len(items.bm25), dtype=np.bool_)
    return Tried(items.bm25, nothing, items.bm25 == 0, np.zeros(len(items.own), dtype=np.bool_))


def _ask(compared: Comparison | None, ranker: Ranker) -> tuple[int, bool, bool]:
    """Return the rank of the first right one, whether the first one is flagged, and whether it is right."""
    if compared is None:
        return NOT_FOUND, False, False
    ranking = ranker.rank(compared.features)
    groups = compared.groups[ranking.order]
    hits = set(compared.groups[compared.right].tolist())
    rank = count_before(groups, hits)
    flagged = compared.is_bug and float(ranking.probabilities[ranking.order[0]]) >= ranker.threshold
    return NOT_FOUND if rank is None else rank, flagged, rank == 0
