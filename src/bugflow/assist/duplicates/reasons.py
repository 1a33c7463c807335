"""Why two reports may be the same bug: the words, trace places and fields that both have."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.sentences import Sentence, find_nearest, list_sentences
from bugflow.ml.duplicates.terms import Terms, hash_term, split_terms
from bugflow.ml.stacktraces import fingerprint, read_traces
from bugflow.ml.text import clean_report

MOST_WORDS, MOST_FRAMES = 5, 3
CHARACTERS_READ, TRACES_READ = 8_000, 50_000
LONGEST_SHOWN = 200
ALWAYS_RARE, SHARE_RARE = 20, 20
"""A word is rare if at most so many reports have it, or one in so many."""
SHOWN_FIELDS = ("component", "priority", "reporter", "project")
ReasonKind = Literal["word", "sentence", "frame", "field"]
_WORD = re.compile(r"\w{2,}")


@dataclass(frozen=True, slots=True)
class SharedThing:
    """Something that two reports share; of two sentences the other's, and `yours`."""

    kind: ReasonKind
    what: str
    yours: str | None = None


@dataclass(frozen=True, slots=True)
class TellingWords:
    """What of a report can be found in others.

    Attributes:
        words: Its rare words as they are written, the rarest first, by their stems.
        frames: Its trace places.
        sentences: Its sentences.
        weights: How much each stem of the sentences tells.
    """

    words: Mapping[str, str] = field(default_factory=dict)
    frames: tuple[str, ...] = ()
    sentences: Sequence[Sentence] = ()
    weights: Mapping[str, float] = field(default_factory=dict)


def read_telling(index: ReportIndex, report: Report) -> TellingWords:
    """Return what of a report others rarely have, and its sentences."""
    sentences = _read_sentences(report)
    stems = sorted({each for sentence in sentences for each in sentence.terms})
    told = index.postings.weigh(_hash(stems))
    weights = dict(zip(stems, told.tolist(), strict=True))
    return TellingWords(_find_rare(index, report), _list_frames(report), sentences, weights)


def _find_rare(index: ReportIndex, report: Report) -> dict[str, str]:
    written: dict[str, str] = {}
    for word in dict.fromkeys(_WORD.findall(_cut(report))):
        stems = () if word.isdigit() else split_terms(word)
        if stems:
            written.setdefault(stems[0], word)
        for part in stems[1:]:
            written.setdefault(part, part)
    stems = list(written)
    counts = index.postings.count(_hash(stems))
    rare = max(ALWAYS_RARE, len(index) // SHARE_RARE)
    order = [place for place in np.argsort(counts, kind="stable") if counts[place] <= rare]
    return {stems[place]: written[stems[place]] for place in order}


def _hash(stems: Sequence[str]) -> Terms:
    return np.array([hash_term(each) for each in stems], dtype=np.uint32)


def find_shared(telling: TellingWords, other: Report, *, with_frames: bool) -> list[SharedThing]:
    """Return the trace places and words that another report has as well, and the two sentences that are most alike."""
    theirs = set(split_terms(_cut(other)))
    words = [word for stem, word in telling.words.items() if stem in theirs]
    frames: list[str] = []
    if with_frames and telling.frames:
        places = set(_list_frames(other))
        frames = [each for each in telling.frames if each in places]
    pair = find_nearest(telling.sentences, _read_sentences(other), telling.weights)
    return [
        *(SharedThing("frame", each[:LONGEST_SHOWN]) for each in frames[:MOST_FRAMES]),
        *([] if pair is None else [SharedThing("sentence", pair.theirs, pair.mine)]),
        *(SharedThing("word", each[:LONGEST_SHOWN]) for each in words[:MOST_WORDS]),
    ]


def find_agreeing(mine: Mapping[str, str], theirs: Mapping[str, str], names: Mapping[str, str]) -> list[SharedThing]:
    """Return the fields that agree, by the names of their values."""
    return [
        SharedThing("field", f"{field}: {names[field]}"[:LONGEST_SHOWN])
        for field in SHOWN_FIELDS
        if field in names and mine.get(field) is not None and mine.get(field) == theirs.get(field)
    ]


def _read_sentences(report: Report) -> list[Sentence]:
    return list_sentences(clean_report(report.title, report.description[:CHARACTERS_READ]))


def _cut(report: Report) -> str:
    return f"{report.title}\n{report.description}"[:CHARACTERS_READ]


def _list_frames(report: Report) -> tuple[str, ...]:
    traces = read_traces(report.description[:TRACES_READ])
    return tuple(dict.fromkeys(frame for trace in traces for frame in fingerprint(trace).frames))
