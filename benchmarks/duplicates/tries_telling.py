"""Tries to ask by a report's most telling sentences alone instead of by all of them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tries_feedback import Searched, note, print_searched, rank_plainly
from tries_ranking import Bench

from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.candidates import Query
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.profiles import Profile, join_text, read_words
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
        kept, tried = Searched(), {most: Searched() for most in SENTENCES}
        for moment in bench.replay(name):
            right = (history.clusters == history.clusters[moment.row])[: len(moment.index)]
            note(kept, rank_plainly(moment, right))
            for most, found in tried.items():
                note(found, rank_plainly(shorten(moment, history.reports[moment.row], bench.encoder, most), right))
        for most, found in tried.items():
            print_searched(f"{name}: title and the {most} most telling", kept, found)


def shorten(moment: Moment, report: Report, encoder: Encoder, most: int) -> Moment:
    """Return the same moment, at which only the title and so many sentences are asked about."""
    cleaned = clean_report(report.title, report.description)
    shorter = replace(cleaned, prose=" ".join(choose_sentences(moment.index, cleaned, most)), code="", traces="")
    words = replace(read_words(shorter), frames=moment.query.profile.words.frames)
    title, text = encoder.encode([shorter.title, join_text(shorter)])
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

    chosen = sorted(range(len(sentences)), key=lambda place: -tell(sentences[place]))[:most]
    return [sentences[place].text for place in sorted(chosen)]
