"""Which of very many older reports are worth being asked about, where an index holds no vectors.

Something else knows the nearest by meaning, and computes cosines for a few hundred rows at a time. So the index names
rows first: the best by words, traces and circumstances, to which the nearest are added once they are known. It puts in
order only what shares a term, and the latest: with a million rows it is ordering all of them, and how old each is, that
takes long. Told once more on two trackers, the 150 candidates then hold an older report as often as with the cosines of
all (decision 11).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.candidates import (
    BY_FRAMES,
    MOST,
    Candidates,
    Query,
    Sources,
    choose_candidates,
    find_best,
    mark_possible,
    score_circumstances,
    score_frames,
    score_words,
)
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.postings import Scores

SHORTLISTED = 400
"""Rows beside the nearest."""
BY_WORDS, BY_PLACES, LATEST = 1_200, 300, 400
"""So many by words, by trace places and of the latest are looked at for these."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What an index of a moment says about all its rows; all of shape (rows,).

    Attributes:
        possible: Whether a row is there, older and allowed.
        words: BM25.
        frames: How much of the trace is shared, in [0, 1].
    """

    possible: NDArray[np.bool_]
    words: Scores
    frames: Scores


@dataclass(frozen=True, slots=True)
class Shortlist:
    """Rows, ascending, and what the index says about each; all of shape (rows,).

    Attributes:
        identities: The reports' own numbers.
        words: BM25.
        frames: How much of the trace is shared, in [0, 1].
        circumstances: As `Sources` has them.
        scored: What is said about all others.
    """

    rows: NDArray[np.int64]
    identities: NDArray[np.int64]
    words: Scores
    frames: Scores
    circumstances: Scores
    scored: Scored

    @classmethod
    def build(cls, index: ReportIndex, query: Query, scored: Scored, rows: NDArray[np.int64]) -> Self:
        """Return what the index says about rows, ascending."""
        circumstances = score_circumstances(index, query.filed, rows)
        return cls(rows, index.identities[rows], scored.words[rows], scored.frames[rows], circumstances, scored)

    def add(self, index: ReportIndex, query: Query, rows: NDArray[np.int64]) -> "Shortlist":
        """Return this and the possible ones of some rows, in any order."""
        rows = rows[rows < len(self.scored.possible)]
        return Shortlist.build(index, query, self.scored, _join(self.rows, rows[self.scored.possible[rows]]))


def find_shortlist(index: ReportIndex, query: Query, *, most: int = SHORTLISTED) -> Shortlist:
    """Return so many possible rows that are the best without meaning."""
    possible = mark_possible(index, query)
    n_rows = len(possible)
    frames = query.profile.words.frames
    scored = Scored(possible, score_words(index, query.profile)[:n_rows], score_frames(index, frames)[:n_rows])
    rows = _join(
        _find_highest(scored.words, possible, BY_WORDS),
        _find_highest(scored.frames, possible, BY_PLACES if len(frames) else 0),
        _find_latest(possible, LATEST),
    )
    some = Shortlist.build(index, query, scored, rows)
    together = some.words / max(float(some.words.max(initial=0)), 1e-6) + BY_FRAMES * some.frames + some.circumstances
    return Shortlist.build(index, query, scored, np.sort(rows[find_best(together, most)]))


def choose_from(shortlist: Shortlist, query: Query, *, most: int = MOST) -> Candidates:
    """Return the candidates among the rows of a shortlist; where no cosines are given, by the other sources alone."""
    rows = shortlist.rows
    near = centred = np.zeros(len(rows), dtype=np.float32)
    if query.given is not None:
        near, centred = query.given.compare(rows).text, query.given.centre(rows)
    said = Sources(rows, shortlist.words, near, centred, shortlist.frames, shortlist.circumstances)
    return choose_candidates(said, most=most)


def _find_highest(scores: Scores, possible: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Return the possible rows with the highest scores above 0."""
    if not most:
        return np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero((scores > 0) & possible)  # Of truths it takes a tenth of what it does of numbers.
    return rows if len(rows) <= most else rows[np.argpartition(scores[rows], -most)[-most:]]


def _find_latest(possible: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Return the last possible rows, looking at no more than it takes."""
    looked_at = most
    while True:
        first = max(len(possible) - looked_at, 0)
        rows = first + np.flatnonzero(possible[first:])
        if len(rows) >= most or not first:
            return rows[-most:]
        looked_at *= 4


def _join(*rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(np.concatenate(rows))
