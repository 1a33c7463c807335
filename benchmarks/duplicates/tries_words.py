"""Tries other stems of words for BM25."""

import re
from collections.abc import Sequence

from tries_feedback import rank_scores
from tries_figures import print_ranks
from tries_ranking import Bench, exchange

from bugflow.ml.duplicates import terms
from bugflow.ml.duplicates.baselines import score_bm25
from bugflow.ml.duplicates.replay import profile_history, replay

_PLURALS = ((re.compile(r"(?<![ae])ies$"), "y"), (re.compile(r"(?<![aeo])es$"), "e"), (re.compile(r"(?<![us])s$"), ""))


def try_stems(bench: Bench) -> None:
    """BM25 over words as they are written, and without their plurals' endings, instead of Snowball's stems."""
    for name in bench.trackers:
        kept = rank_words(bench, name)
        for what, stem in (("no stems", leave), ("plurals alone", cut_plurals)):
            with exchange(terms, _stem=stem):
                print_ranks(f"{name}, BM25, {what}", kept, rank_words(bench, name))


def rank_words(bench: Bench, name: str) -> list[int]:
    """Return the ranks by BM25 of a tracker's duplicates."""
    history = bench.pasts[name][0]
    profiles = profile_history(history, None)
    ranks = []
    for moment in replay(history, profiles, bench.choose(history)):
        right = (history.clusters == history.clusters[moment.row])[: len(moment.index)]
        ranks.append(rank_scores(score_bm25(moment), moment, right))
    return ranks


def leave(words: Sequence[str]) -> list[str]:
    """Return words as they are."""
    return list(words)


def cut_plurals(words: Sequence[str]) -> list[str]:
    """Return words without the endings of plurals. Source: Harman, How Effective Is Suffixing?, JASIS 1991."""
    return [_cut(word) for word in words]


def _cut(word: str) -> str:
    if word.endswith("s") and len(word) > 3:  # noqa: PLR2004 -- Shorter words have no plural.
        for ending, instead in _PLURALS:
            if ending.search(word):
                return ending.sub(instead, word)
    return word
