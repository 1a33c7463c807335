"""Arrays that rows are added to, with room to spare, so that adding one row does not copy them all."""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

Number = TypeVar("Number", bound=np.generic)
LEAST = 256


class GrowingArray(Generic[Number]):
    """An array whose first axis grows. What `view` has given stays as it was, but for rows that are set."""

    def __init__(self, dtype: DTypeLike, *shape: int) -> None:
        self._rows: NDArray[Number] = np.zeros((LEAST, *shape), dtype=dtype)
        self._length = 0

    def __len__(self) -> int:
        """Return how many rows there are."""
        return self._length

    def extend(self, rows: NDArray[Number]) -> None:
        """Add rows, shape (rows, *shape)."""
        needed = self._length + len(rows)
        if needed > len(self._rows):
            roomier = np.zeros((max(needed, len(self._rows) * 3 // 2), *self._rows.shape[1:]), dtype=self._rows.dtype)
            roomier[: self._length] = self.view()
            self._rows = roomier
        self._rows[self._length : needed] = rows
        self._length = needed

    def view(self) -> NDArray[Number]:
        """Return the rows, shape (rows, *shape); not a copy."""
        length = self._length  # Read first: a thread that adds makes room before it tells the new length.
        return self._rows[:length]
