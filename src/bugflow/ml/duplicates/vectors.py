"""Vectors in a quarter of their size: eight-bit numbers with a scale for each row, searched exactly."""

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.growing import GrowingArray

LARGEST = 127
BLOCK = 256
"""Rows that are widened at once: they fit into a core's cache, and so this is faster than searching floats."""

Vector = NDArray[np.float32]


class VectorRows:
    """Vectors of length 1; a row that has none is all zero."""

    def __init__(self, n_dims: int) -> None:
        self.n_dims = n_dims
        self._rows: GrowingArray[np.int8] = GrowingArray(np.int8, n_dims)
        self._scales: GrowingArray[np.float32] = GrowingArray(np.float32)
        self._sum = np.zeros(n_dims, dtype=np.float64)

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._scales)

    def extend(self, vectors: NDArray[np.float32]) -> None:
        """Add rows, shape (rows, dimensions)."""
        rows, scales = shrink(vectors)
        self._sum += vectors.sum(axis=0)
        self._rows.extend(rows)
        self._scales.extend(scales)

    def read_mean(self) -> Vector:
        """Return the mean of all rows: what they have in common, which tells nothing."""
        return np.asarray(self._sum / max(len(self), 1), dtype=np.float32)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some rows, shape (rows, dimensions)."""
        return self._rows.view()[rows] * self._scales.view()[rows, None]

    def multiply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the products of every row with some vectors of shape (dimensions, vectors): (rows, vectors)."""
        scales = self._scales.view()
        rows = self._rows.view()[: len(scales)]
        found = np.empty((len(rows), vectors.shape[1]), dtype=np.float32)
        wide = np.empty((BLOCK, self.n_dims), dtype=np.float32)
        for start in range(0, len(rows), BLOCK):
            some = rows[start : start + BLOCK]
            np.copyto(wide[: len(some)], some, casting="unsafe")
            np.dot(wide[: len(some)], vectors, out=found[start : start + BLOCK])
        found *= scales[:, None]
        return found


def shrink(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], Vector]:
    """Return vectors in eight-bit numbers, and by what each row is to be multiplied."""
    scales = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-9) / LARGEST
    return np.round(vectors / scales[:, None]).astype(np.int8), np.asarray(scales, dtype=np.float32)
