"""Vectors in a quarter of their size: eight-bit numbers with a scale for each row, searched exactly."""

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.growing import GrowingArray
from bugflow.ml.duplicates.multiplying import multiply

LARGEST = 127

Vector = NDArray[np.float32]


class VectorRows:
    """Vectors of length 1; a row that has none is all zero."""

    def __init__(self, n_dims: int) -> None:
        self.n_dims = n_dims
        self._rows: GrowingArray[np.int8] = GrowingArray(np.int8, n_dims)
        self._scales: GrowingArray[np.float32] = GrowingArray(np.float32)
        self._sum = np.zeros(n_dims, dtype=np.float64)
        self._common: Vector = np.zeros(0, dtype=np.float32)
        self._comparing = Lock()

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
        found = multiply(self._rows.view()[: len(scales)], vectors)
        found *= scales[:, None]
        return found

    def compare_mean(self) -> Vector:
        """Return the product of every row with the mean, shape (rows,); kept until rows are added."""
        with self._comparing:  # Of many threads that ask at once, one works.
            if len(self._common) != len(self):
                self._common = self.multiply(self.read_mean()[:, None])[:, 0]
            return self._common


def shrink(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], Vector]:
    """Return vectors in eight-bit numbers, and by what each row is to be multiplied."""
    scales = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-9) / LARGEST
    return np.round(vectors / scales[:, None]).astype(np.int8), np.asarray(scales, dtype=np.float32)
