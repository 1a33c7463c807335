"""Made-up reports that repeat an older one: what no tracker's past says, since people rarely file the same text twice.

A report that is written again, whole or in part, is the same bug, however long ago that was. The same report about
another thing, "iOS: sort rows" after "Android: sort rows", is another one.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.history import History
from bugflow.ml.duplicates.index import Filed

LEAST_OLDER = 100
"""Of so many older reports one is repeated; before there are so many, none."""
LEAST_WORDS, LONGEST = 4, 20_000
"""Of a title that says enough to be repeated; and of a description that is read."""
KEPT_FIELD, SAME_REPORTER = 0.8, 0.15
"""How often a copy has a field of the report that it repeats, and the person."""
KEPT = ("project", "issue_type")
"""What it always has."""
FREQUENT = 0.01
"""A word that a larger share of the titles has tells little of what a report is about, unless it is a name."""
LEAST_TITLES, TRIES = 3, 20
"""What fewer titles have is often mistyped."""
_WORD = re.compile(r"[^\W_][\w.$-]*[^\W_]")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Copy:
    """A report that repeats an older one.

    Attributes:
        row: At whose moment it is written.
        of: The row of what it repeats.
        same: Whether it is the same bug.
    """

    row: int
    of: int
    report: Report
    filed: Filed
    same: bool


def make_copies(history: History, most: int, *, seed: int = 0) -> list[Copy]:
    """Return made-up reports in the order of their moments, at most so many; a third of them are other bugs.

    Args:
        history: Whose reports are repeated.
        most: How many.
        seed: Of all that is chosen by chance.
    """
    rng = np.random.default_rng(seed)
    rows = np.arange(LEAST_OLDER, len(history))
    if not len(rows):
        return []
    words = _Words(history.reports)
    kinds: tuple[tuple[Callable[[Report], Report | None], bool], ...] = (
        (lambda report: report, True),
        (lambda report: _shorten(report, rng), True),
        (lambda report: words.exchange(report, rng), False),
    )
    copies = []
    for number, row in enumerate(sorted(rng.choice(rows, min(most, len(rows)), replace=False).tolist())):
        older = int(rng.integers(row))
        report, filed = history.reports[older], history.filed[older]
        if not filed.is_bug or filed.created >= history.filed[row].created or _count_words(report) < LEAST_WORDS:
            continue
        change, same = kinds[number % len(kinds)]
        changed = change(report)
        if changed is not None:
            copies.append(Copy(row, older, changed, _refile(filed, history.filed[row], rng), same))
    return copies


def _count_words(report: Report) -> int:
    return len(_WORD.findall(report.title))


def _refile(older: Filed, newer: Filed, rng: np.random.Generator) -> Filed:
    """Return what is known of a copy: mostly what is known of the report that it repeats, and another person."""
    fields = {name: value for name, value in older.fields.items() if rng.random() < KEPT_FIELD or name in KEPT}
    author = older if rng.random() < SAME_REPORTER else newer
    fields.pop("reporter", None)
    if "reporter" in author.fields:
        fields["reporter"] = author.fields["reporter"]
    return Filed(newer.created, fields=fields)


def _shorten(report: Report, rng: np.random.Generator) -> Report | None:
    """Return a report that has half of the sentences, in their order; none where there are too few."""
    sentences = _SENTENCE_END.split(report.description[:LONGEST])
    if len(sentences) < 2:  # noqa: PLR2004 -- Of one there is no half.
        return None
    kept = np.sort(rng.choice(len(sentences), (len(sentences) + 1) // 2, replace=False))
    return replace(report, description="\n".join(sentences[each] for each in kept))


class _Words:
    """The words of all titles by which one report is told from another."""

    def __init__(self, reports: Sequence[Report]) -> None:
        counts = Counter(word for report in reports for word in dict.fromkeys(_WORD.findall(report.title)))
        self._counts: Mapping[str, int] = counts
        self._frequent = FREQUENT * len(reports)
        self._words = [word for word, count in counts.items() if count >= LEAST_TITLES and self._is_telling(word)]

    def _is_telling(self, word: str) -> bool:
        return not word.islower() or self._counts[word] <= self._frequent

    def exchange(self, report: Report, rng: np.random.Generator) -> Report | None:
        """Return a report in which one telling word of the title is another one, wherever it stands."""
        telling = sorted({each for each in _WORD.findall(report.title) if self._is_telling(each)})
        if not telling:
            return None
        word = str(rng.choice(telling))
        other = self._find_other(word, rng)
        if other is None:
            return None
        pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
        title, description = (
            pattern.sub(lambda _: other, text) for text in (report.title, report.description[:LONGEST])
        )
        return replace(report, title=title, description=description)

    def _find_other(self, word: str, rng: np.random.Generator) -> str | None:
        """Return a word as frequent and of the same kind."""
        for _ in range(TRIES if self._words else 0):
            other = str(self._words[int(rng.integers(len(self._words)))])
            if other.lower() != word.lower() and other.islower() == word.islower():
                return other
        return None
