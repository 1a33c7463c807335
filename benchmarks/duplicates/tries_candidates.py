"""Tries of the candidates: each source's best instead of the best by the sum of all."""

from collections.abc import Sequence
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray
from tries_figures import compare_shares
from tries_ranking import Bench

from bugflow.ml.duplicates import candidates
from bugflow.ml.duplicates.candidates import MOST, find_candidates
from bugflow.ml.duplicates.postings import Scores
from bugflow.ml.duplicates.replay import Moment

UNIONS = {
    "words, meaning": ("words", "meaning"),
    "words, meaning, traces": ("words", "meaning", "frames"),
    "words, meaning, traces, circumstances": ("words", "meaning", "frames", "circumstances"),
}


def try_union(bench: Bench) -> None:
    """As many candidates as the union of each source's best, taken in turns, instead of the best by their sum."""
    for name in bench.trackers:
        kept, tried = list[bool](), {union: list[bool]() for union in UNIONS}
        for moment in bench.replay(name):
            history = bench.pasts[name][0]
            right = history.clusters == history.clusters[moment.row]
            kept.append(bool(right[find_candidates(moment.index, moment.query).rows].any()))
            orders = list_orders(moment)
            for union, sources in UNIONS.items():
                tried[union].append(bool(right[unite([orders[source] for source in sources])].any()))
        print(f"{name}: the {MOST} candidates of {len(kept):,} duplicates hold an older report")
        for union, held in tried.items():
            print(f"  sum to union of {union}: {compare_shares(np.array(kept), np.array(held))}", flush=True)


def list_orders(moment: Moment) -> dict[str, NDArray[np.int64]]:
    """Return by source the rows of the best 150 of which it says anything, the best first."""
    found = find_candidates(moment.index, moment.query, most=len(moment.index))
    lately = candidates.score_circumstances(moment.index, moment.query.filed, found.rows)
    scores = {"words": found.words, "meaning": found.meaning, "frames": found.frames}
    orders = {name: found.rows[_order(each)] for name, each in scores.items()}
    return {**orders, "circumstances": found.rows[_order(lately - lately.min(initial=0) + 1)]}


def unite(orders: Sequence[NDArray[np.int64]]) -> list[int]:
    """Return the rows of the best by each source in turns, 150 in all."""
    in_turns = chain.from_iterable(zip_longest(*(each.tolist() for each in orders)))
    return list(dict.fromkeys(row for row in in_turns if row is not None))[:MOST]


def _order(scores: Scores) -> NDArray[np.int64]:
    best = np.argsort(-scores, kind="stable")[:MOST]
    return best[scores[best] > 0]
