"""Tries pseudo-relevance feedback: a report is searched once more with what its best candidates say, too."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from tries_figures import compare_shares, print_ranks
from tries_ranking import Bench, exchange

from bugflow.ml.duplicates import candidates, evaluating
from bugflow.ml.duplicates.baselines import score_bm25, score_encoder
from bugflow.ml.duplicates.candidates import BY_MEANING, choose_terms, find_candidates
from bugflow.ml.duplicates.evaluating import NOT_FOUND
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.postings import Scores
from bugflow.ml.duplicates.profiles import TITLE_WEIGHT, Profile
from bugflow.ml.duplicates.replay import Moment
from bugflow.ml.duplicates.terms import Terms

Rows = NDArray[np.int64]
Weighted = tuple[Terms, NDArray[np.float32]]
Searched = dict[str, list[int]]
"""By method, the rank of the first right report of each duplicate, as `rank_plainly` returns it."""


@dataclass(frozen=True)
class Feedback:
    """How a query is expanded.

    Attributes:
        first: By so many of the best.
        terms: By so many of their terms, those that tell most.
        weight: How much all of them count beside all terms of the report.
    """

    first: int
    terms: int
    weight: float

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.terms} terms of the {self.first} best, weight {self.weight}"


TRIED = (Feedback(1, 10, 0.2), Feedback(3, 10, 0.2), Feedback(5, 20, 0.5))


def try_feedback(bench: Bench) -> None:
    """Expanding a report's words, or its vector, by those of its best candidates: BM25, the vectors, the candidates."""
    for name in bench.trackers:
        kept, tried = Searched(), dict[Feedback, Searched]()
        for moment in bench.replay(name):
            history = bench.pasts[name][0]
            right = (history.clusters == history.clusters[moment.row])[: len(moment.index)]
            note(kept, rank_plainly(moment, right))
            for feedback in TRIED:
                note(tried.setdefault(feedback, {}), rank_expanded(moment, right, feedback))
        for feedback, found in tried.items():
            print_searched(f"{name}: {feedback}", kept, found)


def rank_plainly(moment: Moment, right: NDArray[np.bool_]) -> Mapping[str, int]:
    """Return the rank of the first right report by words and by vectors, and 0 where the candidates hold one."""
    return {
        "bm25": rank_scores(score_bm25(moment), moment, right),
        "encoder": rank_scores(score_encoder(moment), moment, right),
        "candidates": _hold(moment, right),
    }


def rank_expanded(moment: Moment, right: NDArray[np.bool_], feedback: Feedback) -> Mapping[str, int]:
    """Return the same with an expanded query, each by the best of its own method."""
    index, profile = moment.index, moment.query.profile
    own = profile.words.terms, index.postings.weigh(profile.words.terms)
    words = score_bm25(moment)
    expanded = expand(index, own, list_best(words, moment, feedback), feedback)
    near = score_encoder(moment)
    vector = move(index, profile, list_best(near, moment, feedback), feedback)
    with exchange(candidates, score_words=partial(score_words, feedback=feedback)):
        held = _hold(moment, right)
    return {
        "bm25": rank_scores(index.postings.score(*expanded), moment, right),
        "encoder": rank_scores(index.texts.multiply(vector[:, None])[:, 0], moment, right),
        "candidates": held,
    }


def list_best(scores: Scores, moment: Moment, feedback: Feedback) -> Rows:
    """Return the rows of the best older reports."""
    older = np.where(moment.index.created < moment.query.filed.created, scores, -np.inf)
    return np.argsort(-older, kind="stable")[: feedback.first]


def expand(index: ReportIndex, own: Weighted, best: Rows, feedback: Feedback) -> Weighted:
    """Return a report's terms and those of its best candidates that tell most, each once, and how much each counts.

    Source: Rocchio, Relevance Feedback in Information Retrieval, 1971; Lv, Zhai, A Comparative Study of Methods for
    Estimating Query Language Models with Pseudo Feedback, CIKM 2009.
    """
    terms, weights = own
    places, _ = index.terms.place(best)
    often = TITLE_WEIGHT * index.in_title.take(places).astype(np.float32)
    often += index.in_prose.take(places).astype(np.float32) + index.in_code.take(places)
    found, at = np.unique(index.terms.take(places), return_inverse=True)
    telling = np.bincount(at, often / (often + 1), minlength=len(found)) * index.postings.weigh(found)
    chosen = np.argsort(-telling, kind="stable")[: feedback.terms]
    scale = feedback.weight * float(weights.sum()) / max(float(telling[chosen].sum()), 1e-6)
    together, places = np.unique(np.concatenate([terms, found[chosen]]), return_inverse=True)
    counted = np.bincount(places, np.concatenate([weights, scale * telling[chosen]]), minlength=len(together))
    return together, counted.astype(np.float32)


def move(index: ReportIndex, profile: Profile, best: Rows, feedback: Feedback) -> NDArray[np.float32]:
    """Return a report's vector moved towards those of its best candidates; nothing moves without vectors."""
    if profile.text is None or not index.n_dims:
        return np.zeros(index.n_dims, dtype=np.float32)
    moved = profile.text + feedback.weight * index.texts.take(best).mean(axis=0)
    return np.asarray(moved / max(float(np.linalg.norm(moved)), 1e-6), dtype=np.float32)


def score_words(index: ReportIndex, profile: Profile, *, feedback: Feedback) -> Scores:
    """Return BM25 of the terms of a report and of the best by words and meaning."""
    own = choose_terms(index, profile)
    words = index.postings.score(*own)
    if not len(words):
        return words
    together = words / max(float(words.max()), 1e-6)
    if profile.text is not None and index.n_dims:
        together = together + BY_MEANING * index.texts.multiply(profile.text[:, None])[: len(words), 0]
    best = np.argsort(-together, kind="stable")[: feedback.first]
    return index.postings.score(*expand(index, own, best, feedback))


def rank_scores(scores: Scores, moment: Moment, right: NDArray[np.bool_]) -> int:
    """Return how many older reports stand before the first right one."""
    return evaluating.find_rank(scores, moment, right)


def _hold(moment: Moment, right: NDArray[np.bool_]) -> int:
    return 0 if right[find_candidates(moment.index, moment.query).rows].any() else NOT_FOUND


def print_searched(what: str, kept: Searched, tried: Searched) -> None:
    """Print what another query found beside what the report's own finds."""
    print(f"{what}, {len(kept['bm25']):,} duplicates")
    for method in ("bm25", "encoder"):
        print_ranks(method, kept[method], tried[method])
    before, after = (np.array(each["candidates"]) == 0 for each in (kept, tried))
    print(f"  candidates hold an older report: {compare_shares(before, after)}", flush=True)


def note(kept: Searched, found: Mapping[str, int]) -> None:
    """Keep the ranks of one more duplicate."""
    for name, rank in found.items():
        kept.setdefault(name, []).append(rank)
