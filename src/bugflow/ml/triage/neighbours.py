"""A vote of reports that people corrected, on one that is much like them, before any model has learned from it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.contract import Vectors


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A report of which a person said the label.

    Attributes:
        similarity: Cosine of its text and of the report's that is asked about, in [-1, 1].
    """

    name: str
    label: str
    similarity: float


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """From when on neighbours are heard.

    Attributes:
        steps: How many must say the same, and the cosine from which on they count: the fewer, the nearer.
        agreement: Which share of all that are as near must say the same, in (0, 1].
        against_sure: How many must say the same, at the first step's cosine, where the model is sure of something else.
    """

    steps: tuple[tuple[int, float], ...] = ((1, 0.85), (2, 0.75))
    agreement: float = 0.75
    against_sure: int = 3

    @property
    def farthest(self) -> float:
        """The cosine below which nobody is heard."""
        return min(cosine for _, cosine in self.steps)


HEARING = Hearing()
"""Chosen on two trackers and looked at on two others: benchmarks/results/nearby-2026-11-30.md."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What neighbours say.

    Attributes:
        speakers: Who says it, the nearest first.
    """

    label: str
    speakers: tuple[Neighbour, ...]


def vote(neighbours: Sequence[Neighbour], *, own: str | None, is_sure: bool, hearing: Hearing = HEARING) -> Vote | None:
    """Return what neighbours say of a report; none where they are too few, too far, or disagree.

    Args:
        neighbours: In any order.
        own: The model's own label, where it has one.
        is_sure: Whether the model is sure of it.
        hearing: From when on they are heard.
    """
    for least, cosine in hearing.steps:
        near = sorted((each for each in neighbours if each.similarity >= cosine), key=_place)
        if len(near) < least:
            continue
        label, count = Counter(each.label for each in near).most_common(1)[0]
        if count < least or count < hearing.agreement * len(near):
            return None  # The nearest disagree, so those further away are not asked.
        speakers = tuple(each for each in near if each.label == label)
        if is_sure and label != own and not _outweighs(speakers, hearing):
            return None
        return Vote(label, speakers)
    return None


def join_parts(vectors: Vectors) -> NDArray[np.float32]:
    """Return about what the vector of a whole text is from those of its parts; shape (dimensions,), of length 1."""
    total = vectors.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), dtype=np.float32)


def _place(neighbour: Neighbour) -> float:
    return -neighbour.similarity


def _outweighs(speakers: Sequence[Neighbour], hearing: Hearing) -> bool:
    """Whether so many say the same, from so near, that a sure model gives way."""
    return sum(each.similarity >= hearing.steps[0][1] for each in speakers) >= hearing.against_sure
