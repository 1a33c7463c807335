"""Tries to ask by a report's most telling sentences alone instead of by all of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tries_feedback import rank_plainly
from tries_figures import compare_shares, print_ranks
from tries_ranking import Bench

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.candidates import Query
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.profiles import Profile, read_words
from bugflow.ml.duplicates.replay import Moment
from bugflow.ml.duplicates.sentences import Sentence, list_sentences
from bugflow.ml.duplicates.terms import hash_term
from bugflow.ml.text import CleanText, clean_report

SENTENCES = (1, 3)
"""So many beside the title."""


def try_telling(bench: Bench) -> None:
    """Words and vector of the title and of the sentences that tell most, instead of all: BM25, vectors, candidates."""
    for name in bench.trackers:
        history = bench.pasts[name][0]
        kept, tried = list[dict[str, int]](), {most: list[dict[str, int]]() for most in SENTENCES}
        for moment in bench.replay(name):
            right = (history.clusters == history.clusters[moment.row])[: len(moment.index)]
            kept.append(dict(rank_plainly(moment, right)))
            for most, found in tried.items():
                shorter = shorten(moment, history.reports[moment.row], bench, most)
                found.append(dict(rank_plainly(shorter, right)))
        for most, found in tried.items():
            print(f"{name}: title and the {most} most telling, {len(kept):,} duplicates")
            for method in ("bm25", "encoder"):
                print_ranks(method, *([each[method] for each in ranks] for ranks in (kept, found)))
            before, after = (np.array([each["candidates"] for each in ranks]) == 0 for ranks in (kept, found))
            print(f"  candidates hold an older report: {compare_shares(before, after)}", flush=True)


def shorten(moment: Moment, report: Report, bench: Bench, most: int) -> Moment:
    """Return the same moment, at which only the title and so many sentences are asked about."""
    cleaned = clean_report(report.title, report.description)
    prose = " ".join(choose_sentences(moment.index, cleaned, most))
    words = replace(
        read_words(replace(cleaned, prose=prose, code="", traces="")), frames=moment.query.profile.words.frames
    )
    title, text = bench.encoder.encode([cleaned.title, f"{cleaned.title}\n{prose}"])
    return replace(moment, query=Query(Profile(words, title, text), moment.query.filed))


def choose_sentences(index: ReportIndex, text: CleanText, most: int) -> Sequence[str]:
    """Return the sentences that tell most, in their order, the title left out.

    A sentence tells the mean of what its terms tell, times the root of their number: a long one of common words is no
    better than a short one of rare words.
    """
    sentences = list_sentences(text)[1:]
    terms = sorted({hash_term(term) for each in sentences for term in each.terms})
    weights = dict(zip(terms, index.postings.weigh(np.array(terms, dtype=np.uint32)).tolist(), strict=True))

    def tell(sentence: Sentence) -> float:
        told = [weights[hash_term(term)] for term in sentence.terms]
        return float(sum(told) / np.sqrt(len(told)))

    chosen = Counter({place: tell(each) for place, each in enumerate(sentences)}).most_common(most)
    return [sentences[place].text for place in sorted(place for place, _ in chosen)]
