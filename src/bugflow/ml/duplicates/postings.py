"""Which reports have a word: an inverted index of hashed terms that grows, and BM25 over it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.growing import GrowingArray
from bugflow.ml.duplicates.terms import Terms

Rows = NDArray[np.int32]
Scores = NDArray[np.float32]
SATURATION, BY_LENGTH = 1.2, 0.75
"""BM25's k1 and b. Source: Robertson, Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009."""
SLOTS = 1 << 20
"""Of the table that tells how many reports have a term; two of a million terms share a slot now and then."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """The postings of some reports that were added together, ordered by term, then row.

    Attributes:
        terms: Each once, ascending.
        starts: Where each term's postings begin, and at last where all end; shape (terms + 1,).
    """

    terms: Terms
    starts: NDArray[np.int64]
    rows: Rows
    frequencies: NDArray[np.uint8]

    @classmethod
    def build(cls, terms: Terms, rows: Rows, frequencies: NDArray[np.uint8]) -> "_Segment":
        """Return the postings of rows that ascend."""
        order = np.argsort(terms, kind="stable")
        terms, rows, frequencies = terms[order], rows[order], frequencies[order]
        starts = np.flatnonzero(np.append(True, terms[1:] != terms[:-1]))
        return cls(terms[starts], np.append(starts, len(terms)), rows, frequencies)

    def join(self, other: "_Segment") -> "_Segment":
        """Return these postings and those of later rows."""
        parts = (self, other)
        terms = np.concatenate([np.repeat(each.terms, np.diff(each.starts)) for each in parts])
        rows = np.concatenate([each.rows for each in parts])
        return _Segment.build(terms, rows, np.concatenate([each.frequencies for each in parts]))


class Postings:
    """An inverted index over rows 0, 1, …; searching may go on in other threads while one thread adds."""

    def __init__(self) -> None:
        self._segments: tuple[_Segment, ...] = ()
        self._spread = np.zeros(SLOTS, dtype=np.int32)
        self._lengths: GrowingArray[np.float32] = GrowingArray(np.float32)
        self._total_length = 0.0

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._lengths)

    def add(self, reports: Sequence[tuple[Terms, NDArray[np.float32]]]) -> None:
        """Add rows: the terms of each report, each once, and how often each occurs."""
        if not reports:
            return
        first = len(self._lengths)
        amounts = [len(terms) for terms, _ in reports]
        rows = np.repeat(np.arange(first, first + len(reports), dtype=np.int32), amounts)
        terms = np.concatenate([terms for terms, _ in reports])
        frequencies = np.concatenate([frequencies for _, frequencies in reports])
        lengths = np.array([each.sum() for _, each in reports], dtype=np.float32)
        np.add.at(self._spread, terms % SLOTS, 1)
        if len(terms):
            self._append(_Segment.build(terms, rows, np.minimum(frequencies, 255).astype(np.uint8)))
        self._total_length += float(lengths.sum())
        self._lengths.extend(lengths)  # At last: rows that are told can be found.

    def _append(self, segment: _Segment) -> None:
        segments = [*self._segments, segment]
        while len(segments) > 1 and len(segments[-2].rows) < 2 * len(segments[-1].rows):
            segments[-2:] = [segments[-2].join(segments[-1])]
        self._segments = tuple(segments)

    def weigh(self, terms: Terms) -> NDArray[np.float32]:
        """Return how much each term tells, above 0: the fewer reports have it, the more (BM25's idf)."""
        having = np.minimum(self.count(terms), len(self))
        return np.log1p((len(self) - having + 0.5) / (having + 0.5)).astype(np.float32)

    def count(self, terms: Terms) -> NDArray[np.int32]:
        """Return how many reports have each term; a few more where terms share a slot."""
        return self._spread[terms % SLOTS]

    def score(self, terms: Terms, weights: NDArray[np.float32]) -> Scores:
        """Return BM25 of every row for some terms, each of which counts by its weight; shape (rows,)."""
        lengths = self._lengths.view()
        scores = np.zeros(len(lengths), dtype=np.float32)
        average = max(self._total_length / max(len(lengths), 1), 1e-6)
        for rows, often, weight in self._find(terms, weights, len(lengths)):
            share = lengths[rows]  # Of each score; computed in place, since there may be a million.
            share *= SATURATION * BY_LENGTH / average
            share += SATURATION * (1 - BY_LENGTH)
            share += often
            np.divide(often, share, out=share)
            share *= weight * (SATURATION + 1)
            scores[rows] += share
        return scores

    def add_up(self, terms: Terms, weights: NDArray[np.float32]) -> Scores:
        """Return the sum of the weights of the terms that each row has; shape (rows,)."""
        sums = np.zeros(len(self), dtype=np.float32)
        for rows, _, weight in self._find(terms, weights, len(sums)):
            sums[rows] += weight
        return sums

    def _find(
        self, terms: Terms, weights: NDArray[np.float32], n_rows: int
    ) -> Iterator[tuple[Rows, NDArray[np.float32], np.float32]]:
        """Yield the rows that have a term, how often they have it, and its weight."""
        for segment in self._segments:
            places = np.searchsorted(segment.terms, terms)
            for place, term, weight in zip(places, terms, weights, strict=True):
                if place < len(segment.terms) and segment.terms[place] == term:
                    some = slice(segment.starts[place], segment.starts[place + 1])
                    rows, often = segment.rows[some], segment.frequencies[some].astype(np.float32)
                    if rows[-1] >= n_rows:  # A thread is adding.
                        known = rows < n_rows
                        rows, often = rows[known], often[known]
                    yield rows, often, weight
