"""Which two sentences of two reports say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from bugflow.ml.duplicates.terms import split_terms
from bugflow.ml.sentences import split_sentences
from bugflow.ml.text import CleanText

MOST_SENTENCES, LONGEST = 40, 200
"""Sentences of a report that are compared, the title being the first; longer ones are lists or logs, and left out."""
LEAST_SHARED, LEAST_LIKENESS = 2, 0.3
"""What two sentences must at least have in common: terms, and the share that `find_nearest` describes."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it is written, and its different terms."""

    text: str
    terms: frozenset[str]


@dataclass(frozen=True, slots=True)
class SentencePair:
    """Two sentences that say nearly the same; of one report, and of the other."""

    mine: str
    theirs: str


def list_sentences(text: CleanText) -> list[Sentence]:
    """Return the first sentences of a report that say anything, the title at first where there is one."""
    written = [text.title, *islice(split_sentences(text.prose), MOST_SENTENCES - 1)]
    found = (Sentence(each, frozenset(split_terms(each))) for each in written if len(each) <= LONGEST)
    return [each for each in found if each.terms]


def find_nearest(
    mine: Sequence[Sentence], theirs: Sequence[Sentence], weights: Mapping[str, float]
) -> SentencePair | None:
    """Return the two sentences that share the most; none where no two share enough.

    How near two are is the weight of their shared terms by the share that these are of both's terms (Dice). So a long
    sentence that says the same is nearer than a short one, and one that says much else is not.

    Args:
        mine: Sentences of one report.
        theirs: Of the other.
        weights: How much each term of `mine` tells, above 0.
    """
    best, nearest = 0.0, None
    for one in mine:
        for other in theirs:
            shared = one.terms & other.terms
            likeness = 2 * len(shared) / (len(one.terms) + len(other.terms))
            weight = likeness * sum(weights.get(each, 0.0) for each in shared)
            if len(shared) >= LEAST_SHARED and likeness >= LEAST_LIKENESS and weight > best:
                best, nearest = weight, SentencePair(one.text, other.text)
    return nearest
