"""Tries late interaction: each sentence of a report beside each one of a candidate."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from tries_figures import print_ranks
from tries_ranking import Bench, fit_ranking, rank_lesson, score_by

from bugflow.ml.contract import Vectors
from bugflow.ml.duplicates.evaluating import Ranks
from bugflow.ml.duplicates.features import Features
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.lessons import Lesson
from bugflow.ml.duplicates.replay import Comparison
from bugflow.ml.duplicates.sentences import list_sentences
from bugflow.ml.text import clean_report

CANDIDATES, SENTENCES = 20, 8
"""Of each report, the first ones."""
ALIKE = (0.6, 0.7, 0.8)
"""From which cosine on sentences count as saying the same."""

Kept = Mapping[int, Vectors]


def try_sentences(bench: Bench) -> None:
    """The first eight sentences of a report beside those of its first 20 candidates, as eleven further features."""
    plain, more = dict[str, Lesson](), dict[str, Lesson]()
    for name, (history, _, lesson) in bench.pasts.items():
        chosen = set(bench.choose(history))
        shortened = [shorten(each) for each in lesson.comparisons if each.row in chosen]
        vectors = encode_sentences(bench, history, shortened)
        plain[name] = Lesson(shortened)
        more[name] = Lesson([add_features(each, vectors) for each in shortened])
        print(f"{name}: {len(shortened):,} duplicates, {sum(map(len, vectors.values())):,} sentences", flush=True)
    for name in bench.trackers:
        found = [rank_some(bench, name, lessons) for lessons in (plain, more)]
        print_ranks(f"{name}, the ranker over {CANDIDATES} candidates", *found)


def shorten(comparison: Comparison) -> Comparison:
    """Return a report beside its first candidates alone."""
    some = slice(None, CANDIDATES)
    return replace(
        comparison,
        rows=comparison.rows[some],
        groups=comparison.groups[some],
        features=comparison.features[some],
        right=comparison.right[some],
    )


def encode_sentences(bench: Bench, history: History, comparisons: list[Comparison]) -> Kept:
    """Return the vectors of the first sentences of all that is compared, by row; shape (sentences, dimensions)."""
    rows = sorted({row for each in comparisons for row in (each.row, *each.rows.tolist())})
    texts = {row: _list_texts(history, row) for row in rows}
    vectors = bench.encoder.encode(list(chain.from_iterable(texts.values())))
    ends = np.cumsum([len(each) for each in texts.values()])
    return dict(zip(rows, np.split(vectors, ends[:-1]), strict=True))


def add_features(comparison: Comparison, vectors: Kept) -> Comparison:
    """Return the same with further features."""
    mine = vectors[comparison.row]
    more = np.stack([interact(mine, vectors[row]) for row in comparison.rows.tolist()])
    features: Features = np.hstack([comparison.features, more]).astype(np.float32)
    return replace(comparison, features=features)


def interact(mine: Vectors, theirs: Vectors) -> NDArray[np.float32]:
    """Return eleven numbers about the cosines of two reports' sentences, of which the first is the title.

    Source: Khattab, Zaharia, ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over
    BERT, SIGIR 2020.
    """
    cosines = mine @ theirs.T
    here, there = cosines.max(axis=1), cosines.max(axis=0)
    alike = [(here >= least).mean() for least in ALIKE]
    numbers = [
        here.mean(),
        there.mean(),
        here.max(),
        here.min(),
        there.min(),
        here[0],
        there[0],
        here[1:].max(initial=0),
    ]
    return np.array([*numbers, *alike], dtype=np.float32)


def rank_some(bench: Bench, name: str, lessons: Mapping[str, Lesson]) -> Ranks:
    """Return the ranks of a tracker's chosen duplicates by a ranking that the others' taught."""
    ranking = fit_ranking([lessons[other] for other in bench.list_teachers(name)])
    history = bench.pasts[name][0]
    places = np.isin(history.queries, bench.choose(history))
    return rank_lesson(history, lessons[name], score_by(ranking))[places]


def _list_texts(history: History, row: int) -> list[str]:
    report = history.reports[row]
    found = list_sentences(clean_report(report.title, report.description))
    return [each.text for each in found[:SENTENCES]] or [report.title]
