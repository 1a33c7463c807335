"""Which of all older reports are worth a closer look: four sources, one set.

Words (BM25 of the most telling terms), meaning (cosine of the texts' vectors), places of stack traces, and what was
filed lately with the same fields. Each source scores every report, and the best by the sum are the candidates.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.index import FIELDS, Filed, ReportIndex
from bugflow.ml.duplicates.meanings import GivenMeanings, HeldMeanings, Meanings, centre
from bugflow.ml.duplicates.postings import Scores
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.terms import Terms

MOST = 150
MOST_TERMS = 25
"""Of a report's terms, those that tell most are searched: with all of them long reports are found worse, and slower."""
BY_MEANING, BY_FRAMES, BY_FIELDS, BY_AGE, BY_CLOSING = 1.5, 0.5, 0.05, 0.03, 0.05
"""How much each source counts beside the words, whose best score is 1."""
SURE_OF_EACH = 10
"""The best so many by words, by meaning and by frames are candidates whatever the other sources say.

Fewer where fewer than 30 candidates are wanted.
"""
DAY, MONTH = 86_400, 30
_COMPONENT = FIELDS.index("component")


@dataclass(frozen=True, slots=True)
class Query:
    """A report for which older ones of the same bug are wanted.

    Attributes:
        filed: When it was, or is about to be, filed; and its fields.
        allowed: Which rows may be found, shape (rows,); none allows all that are older.
        given: How near the meanings of some rows are, where that was computed elsewhere.
    """

    profile: Profile
    filed: Filed
    allowed: NDArray[np.bool_] | None = None
    given: GivenMeanings | None = None

    def open_meanings(self, index: ReportIndex) -> Meanings | None:
        """Return what compares the report's meaning with that of rows; none without vectors."""
        title, text = self.profile.title, self.profile.text
        if title is None or text is None:
            return None
        if self.given is not None:
            return self.given
        return HeldMeanings(index.texts, index.titles, text, title) if index.n_dims else None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Rows of the index, the best first, and what the sources say about each; all of shape (candidates,).

    Attributes:
        words: BM25.
        meaning: Cosine of the texts; 0 without an encoder.
        frames: How much of the trace is shared, in [0, 1].
    """

    rows: NDArray[np.int64]
    words: Scores
    meaning: Scores
    frames: Scores


def find_candidates(index: ReportIndex, query: Query, *, most: int = MOST) -> Candidates:
    """Return older reports that may be the same bug, at most so many."""
    rows = np.flatnonzero(mark_possible(index, query))
    near, centred = _score_meaning(index, query.profile)
    said = Sources(
        rows=rows,
        words=score_words(index, query.profile)[rows],
        near=near[rows],
        centred=centred[rows],
        frames=score_frames(index, query.profile.words.frames)[rows],
        circumstances=score_circumstances(index, query.filed, rows),
    )
    return choose_candidates(said, most=most)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the sources say about rows; all of shape (rows,).

    Attributes:
        words: BM25.
        near: Cosine of the texts.
        centred: The same with what all texts have in common taken away.
        frames: How much of the trace is shared, in [0, 1].
        circumstances: What was filed or closed lately, and has the same component, has more; at most .05.
    """

    rows: NDArray[np.int64]
    words: Scores
    near: Scores
    centred: Scores
    frames: Scores
    circumstances: Scores

    def add_up(self) -> Scores:
        """Return the sum by which candidates are chosen."""
        together: Scores = (
            self.words / max(float(self.words.max(initial=0)), 1e-6)
            + BY_MEANING * self.centred
            + BY_FRAMES * self.frames
            + self.circumstances
        )
        return together


def choose_candidates(said: Sources, *, most: int = MOST) -> Candidates:
    """Return the best by all sources together, and the few best by each."""
    chosen = _choose(said.add_up(), [said.words, said.centred, said.frames], most)
    return Candidates(said.rows[chosen], said.words[chosen], said.near[chosen], said.frames[chosen])


def mark_possible(index: ReportIndex, query: Query) -> NDArray[np.bool_]:
    """Return which rows are there, older and allowed; at most as long as the index."""
    n_rows = len(index)  # Once: a thread may add some meanwhile.
    possible = index.alive[:n_rows] & (index.created[:n_rows] < query.filed.created)
    return possible if query.allowed is None else possible[: len(query.allowed)] & query.allowed[:n_rows]


def choose_terms(index: ReportIndex, profile: Profile) -> tuple[Terms, NDArray[np.float32]]:
    """Return the terms by which is searched, and how much each tells."""
    words = profile.words
    weights = index.postings.weigh(words.terms)
    telling = weights * np.minimum(words.frequencies, 3)
    best = np.argsort(-telling, kind="stable")[:MOST_TERMS]
    often = words.frequencies[best]
    return words.terms[best], weights[best] * often * 2 / (often + 1)


def score_words(index: ReportIndex, profile: Profile) -> Scores:
    """Return BM25 of every row."""
    return index.postings.score(*choose_terms(index, profile))


def _score_meaning(index: ReportIndex, profile: Profile) -> tuple[Scores, Scores]:
    """Return the cosine of each text as it is, and with what all have in common taken away."""
    if profile.text is None or not index.n_dims:
        nothing = np.zeros(len(index), dtype=np.float32)
        return nothing, nothing
    mean = index.texts.read_mean()
    near = index.texts.multiply(profile.text[:, None])[: len(index), 0]
    common = index.texts.compare_mean()[: len(near)]  # A thread may have added some meanwhile.
    length = float(mean @ mean)
    own = float(profile.text @ mean)
    return near, centre(near, common, own=own, length=length)


def score_frames(index: ReportIndex, frames: Terms) -> Scores:
    """Return how much of the trace every row shares, in [0, 1]."""
    if not len(frames):
        return np.zeros(len(index), dtype=np.float32)
    weights = index.frames.weigh(frames)
    return index.frames.add_up(frames, weights) / max(float(weights.sum()), 1e-6)


def score_circumstances(index: ReportIndex, filed: Filed, rows: NDArray[np.int64]) -> Scores:
    """Return how much circumstances speak for rows.

    What was filed lately, is open or was closed lately, and is of the same component, comes before the rest.
    """
    days = (filed.created - index.created[rows]) / DAY
    closed = index.closed[rows]
    done = closed < filed.created
    since = np.where(done, filed.created - np.where(done, closed, 0), 0) / DAY
    component = index.encode_fields(filed.fields)[_COMPONENT]
    same = (index.codes[rows, _COMPONENT] == component) & (component > 0)
    score = BY_FIELDS * same - BY_AGE * np.log1p(days / MONTH) - BY_CLOSING * np.log1p(since)
    return np.asarray(score, dtype=np.float32)


def _choose(together: Scores, sources: list[Scores], most: int) -> NDArray[np.int64]:
    """Return the places of the best, the best first."""
    kept = np.zeros(len(together), dtype=np.bool_)
    for each in sources:
        best = find_best(each, min(SURE_OF_EACH, most // len(sources)))
        kept[best[each[best] > 0]] = True
    best = find_best(together, most)
    fill = best[~kept[best]][: most - np.count_nonzero(kept)]
    kept[fill] = True
    places = np.flatnonzero(kept)
    return places[np.argsort(-together[places], kind="stable")]


def find_best(scores: Scores, most: int) -> NDArray[np.int64]:
    """Return the places of the highest scores, the highest first."""
    some = np.argpartition(-scores, most - 1)[:most] if most < len(scores) else np.arange(len(scores))
    return some[np.argsort(-scores[some], kind="stable")]
