"""How near the meaning of a report is to that of others: by vectors that an index holds, or as another computed it."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.vectors import Vector, VectorRows

Rows = NDArray[np.int64]
Cosines = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Nearness:
    """Cosines of a report's vectors with those of some rows, 0 where a row has none; all of shape (rows,).

    Attributes:
        text: Of both texts.
        title: Of both titles.
        title_in_text: Of the report's title with their texts.
        text_in_title: Of the report's text with their titles.
    """

    text: Cosines
    title: Cosines
    title_in_text: Cosines
    text_in_title: Cosines


class Meanings(Protocol):
    """Compares the meaning of one report with that of rows."""

    def compare(self, rows: Rows) -> Nearness:
        """Return how near some rows are."""


@dataclass(frozen=True, slots=True)
class HeldMeanings:
    """Compares by vectors that are held here."""

    texts: VectorRows
    titles: VectorRows
    text: Vector
    title: Vector

    def compare(self, rows: Rows) -> Nearness:
        """Return how near some rows are."""
        texts, titles = self.texts.take(rows), self.titles.take(rows)
        return Nearness(texts @ self.text, titles @ self.title, texts @ self.title, titles @ self.text)


@dataclass(frozen=True, slots=True)
class GivenMeanings:
    """Knows what was computed elsewhere for some rows; of others it knows nothing.

    Attributes:
        rows: Ascending.
        nearness: Of these rows.
        centred: Cosines of the texts with what all have in common taken away; shape (rows,).
    """

    rows: Rows
    nearness: Nearness
    centred: Cosines

    @classmethod
    def build(cls, rows: Rows, nearness: Nearness, common: Cosines, *, own: float, length: float) -> Self:
        """Return what is known of rows, ascending; the rest as `centre` takes it."""
        return cls(rows, nearness, centre(nearness.text, common, own=own, length=length))

    def compare(self, rows: Rows) -> Nearness:
        """Return how near some rows are; 0 where nothing is known."""
        given = self.nearness
        return Nearness(*(self._pick(each, rows) for each in (
            given.text, given.title, given.title_in_text, given.text_in_title
        )))  # fmt: skip

    def centre(self, rows: Rows) -> Cosines:
        """Return the cosines of some rows with what all texts have in common taken away; 0 where nothing is known."""
        return self._pick(self.centred, rows)

    def _pick(self, values: Cosines, rows: Rows) -> Cosines:
        if not len(self.rows):
            return np.zeros(len(rows), dtype=np.float32)
        places = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[places] == rows, values[places], np.float32(0))


def centre(near: Cosines, common: Cosines, *, own: float, length: float) -> Cosines:
    """Return cosines with what all texts have in common taken away.

    Args:
        near: Cosines of rows with a report, as they are.
        common: Products of the rows with the mean of all texts.
        own: Product of the report with that mean.
        length: Product of the mean with itself.
    """
    away = np.sqrt(np.maximum(1 - 2 * common + length, 1e-6) * max(1 - 2 * own + length, 1e-6))
    return np.asarray((near - common - own + length) / away, dtype=np.float32)
