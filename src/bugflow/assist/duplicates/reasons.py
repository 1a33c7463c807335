"""Why two reports may be the same bug: the words, trace places and fields that both have."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.terms import hash_term, split_terms
from bugflow.ml.stacktraces import fingerprint, read_traces

MOST_WORDS, MOST_FRAMES = 5, 3
CHARACTERS_READ, TRACES_READ = 8_000, 50_000
LONGEST_SHOWN = 200
ALWAYS_RARE, SHARE_RARE = 20, 20
"""A word is rare if at most so many reports have it, or one in so many."""
SHOWN_FIELDS = ("component", "priority", "reporter", "project")
_WORD = re.compile(r"\w{2,}")


@dataclass(frozen=True, slots=True)
class SharedThing:
    """Something that two reports share."""

    kind: Literal["word", "frame", "field"]
    what: str


@dataclass(frozen=True, slots=True)
class TellingWords:
    """The rare words of a report as they are written, the rarest first, by their stems; and its trace places."""

    words: Mapping[str, str]
    frames: tuple[str, ...]


def read_telling(index: ReportIndex, report: Report) -> TellingWords:
    """Return what of a report others rarely have."""
    written: dict[str, str] = {}
    for word in dict.fromkeys(_WORD.findall(_cut(report))):
        stems = split_terms(word)
        if stems:
            written.setdefault(stems[0], word)
        for part in stems[1:]:
            written.setdefault(part, part)
    if not written:
        return TellingWords({}, _list_frames(report))
    stems = list(written)
    counts = index.postings.count(np.array([hash_term(each) for each in stems], dtype=np.uint32))
    rare = max(ALWAYS_RARE, len(index) // SHARE_RARE)
    order = [place for place in np.argsort(counts, kind="stable") if counts[place] <= rare]
    return TellingWords({stems[place]: written[stems[place]] for place in order}, _list_frames(report))


def find_shared(telling: TellingWords, other: Report, *, with_frames: bool) -> list[SharedThing]:
    """Return the words and trace places that another report has as well."""
    theirs = set(split_terms(_cut(other)))
    words = [word for stem, word in telling.words.items() if stem in theirs]
    frames: list[str] = []
    if with_frames and telling.frames:
        places = set(_list_frames(other))
        frames = [each for each in telling.frames if each in places]
    return [
        *(SharedThing("frame", each[:LONGEST_SHOWN]) for each in frames[:MOST_FRAMES]),
        *(SharedThing("word", each[:LONGEST_SHOWN]) for each in words[:MOST_WORDS]),
    ]


def find_agreeing(mine: Mapping[str, str], theirs: Mapping[str, str], names: Mapping[str, str]) -> list[SharedThing]:
    """Return the fields that agree, by the names of their values."""
    return [
        SharedThing("field", f"{field}: {names[field]}"[:LONGEST_SHOWN])
        for field in SHOWN_FIELDS
        if field in names and mine.get(field) is not None and mine.get(field) == theirs.get(field)
    ]


def _cut(report: Report) -> str:
    return f"{report.title}\n{report.description}"[:CHARACTERS_READ]


def _list_frames(report: Report) -> tuple[str, ...]:
    traces = read_traces(report.description[:TRACES_READ])
    return tuple(dict.fromkeys(frame for trace in traces for frame in fingerprint(trace).frames))
