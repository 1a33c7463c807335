"""Rows of different lengths, one after the other in one array, that rows are added to."""

from collections.abc import Sequence
from typing import Generic

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bugflow.ml.duplicates.growing import GrowingArray, Number


class RaggedArray(Generic[Number]):
    """Rows of numbers, each of its own length."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._values: GrowingArray[Number] = GrowingArray(dtype)
        self._ends: GrowingArray[np.int64] = GrowingArray(np.int64)

    def extend(self, rows: Sequence[NDArray[Number]]) -> None:
        """Add rows."""
        if not rows:
            return
        before = len(self._values)
        self._values.extend(np.concatenate(rows))
        self._ends.extend(before + np.cumsum([len(each) for each in rows], dtype=np.int64))

    def place(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where the values of some rows stand, one row after the other, and of which of these rows each is."""
        ends = self._ends.view()
        stop = ends[rows]
        start = np.where(rows > 0, ends[rows - 1], 0)
        lengths = stop - start
        owners = np.repeat(np.arange(len(rows)), lengths)
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return start[owners] + within, owners

    def take(self, places: NDArray[np.int64]) -> NDArray[Number]:
        """Return the values that stand at some places."""
        return self._values.view()[places]
