"""What is kept of a report for comparing it with others: hashed words, trace places, versions and two vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.terms import Terms, count_terms, hash_terms, list_versions, pair_terms, split_terms
from bugflow.ml.stacktraces import fingerprint, read_traces
from bugflow.ml.text import CleanText, clean_report

TITLE_READ, PROSE_READ, CODE_READ, TRACE_READ = 500, 4_000, 2_000, 2_000
"""Characters of each part whose words count; what is told later rarely says what the bug is."""
TRACES_READ = 100_000
"""Characters of a description in which stack traces are looked for."""
TITLE_WEIGHT = 3
"""A word of the title counts as often as so many of the text."""

Counts = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a report.

    Attributes:
        terms: All of them, each once.
        in_title: How often the title has each; shape of `terms`.
        in_prose: How often the sentences have each.
        in_code: How often code and traces have each.
        pairs: What follows what in the title.
        versions: Numbers of versions in title and text.
        frames: Places of stack traces, each also with its caller; whole fingerprints and exceptions' messages.
        n_title: How many words the title has.
        n_prose: How many the sentences have.
    """

    terms: Terms
    in_title: Counts
    in_prose: Counts
    in_code: Counts
    pairs: Terms
    versions: Terms
    frames: Terms
    n_title: int
    n_prose: int

    @property
    def frequencies(self) -> NDArray[np.float32]:
        """How often each term occurs, one in the title counted several times."""
        return np.asarray(self.in_title, dtype=np.float32) * TITLE_WEIGHT + self.in_prose + self.in_code


@dataclass(frozen=True, slots=True)
class Profile:
    """A report as it is compared.

    Attributes:
        title: The title's vector of length 1, shape (dimensions,); none without an encoder.
        text: The vector of title and sentences.
    """

    words: Words
    title: NDArray[np.float32] | None = None
    text: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True)
class ReadReport:
    """A report that was read, and has no vectors yet.

    Attributes:
        texts: What its vectors are made of: the title, and title with sentences.
    """

    words: Words
    texts: tuple[str, str]

    def add_vectors(self, encoder: Encoder) -> Profile:
        """Return its profile.

        Raises:
            BugFlowError: The encoder failed.
        """
        title, text = encoder.encode(self.texts)
        return Profile(self.words, title, text)


def read_report(report: Report) -> ReadReport:
    """Read a report's words, and what its vectors are to be made of."""
    cleaned = clean_report(report.title, report.description)
    return ReadReport(read_words(cleaned, report.description), (cleaned.title, join_text(cleaned)))


def profile_reports(reports: Sequence[Report], encoder: Encoder | None) -> list[Profile]:
    """Return the profiles of reports; without an encoder they are compared by words alone.

    Raises:
        BugFlowError: The encoder failed.
    """
    read = [read_report(each) for each in reports]
    if encoder is None:
        return [Profile(each.words) for each in read]
    vectors = encoder.encode(list(chain.from_iterable(each.texts for each in read)))
    return [Profile(each.words, vectors[2 * row], vectors[2 * row + 1]) for row, each in enumerate(read)]


def join_text(text: CleanText) -> str:
    """Return what the vector of a report's text is made of."""
    return f"{text.title}\n{text.prose}"


def read_words(text: CleanText, description: str = "") -> Words:
    """Return the words of a cleaned report; its traces are read out of the description as it was written."""
    title, prose = split_terms(text.title[:TITLE_READ]), split_terms(text.prose[:PROSE_READ])
    code = split_terms(text.code[:CODE_READ]) + split_terms(text.traces[:TRACE_READ])
    terms = hash_terms(chain(title, prose, code))
    return Words(
        terms=terms,
        in_title=_spread(title, terms),
        in_prose=_spread(prose, terms),
        in_code=_spread(code, terms),
        pairs=hash_terms(pair_terms(title)),
        versions=hash_terms(list_versions(f"{text.title}\n{text.prose}"[: TITLE_READ + PROSE_READ])),
        frames=hash_terms(_list_places(description[:TRACES_READ]) if text.traces else ()),
        n_title=len(title),
        n_prose=len(prose),
    )


def _list_places(description: str) -> Iterator[str]:
    for trace in read_traces(description):
        failure = fingerprint(trace)
        yield from failure.frames
        yield from pair_terms(failure.frames)
        if failure.digest:
            yield failure.digest
        if failure.message:
            yield f"{failure.exception}: {failure.message}"


def _spread(part: Sequence[str], terms: Terms) -> Counts:
    """Return how often one part has each of all terms."""
    own, amounts = count_terms(part)
    spread = np.zeros(len(terms), dtype=np.uint8)
    spread[np.searchsorted(terms, own)] = amounts
    return spread
