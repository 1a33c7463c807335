"""Arrays that rows are added to."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bugflow.ml.duplicates.growing import LEAST, GrowingArray
from bugflow.ml.duplicates.ragged import RaggedArray

ROWS = st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=5).map(lambda row: np.array(row, dtype=np.uint32)))


@given(st.lists(st.integers(0, 700), max_size=6))
def test_a_growing_array_holds_what_was_added_and_earlier_views_stay(sizes: list[int]) -> None:
    growing: GrowingArray[np.int64] = GrowingArray(np.int64, 2)
    added = np.zeros((0, 2), dtype=np.int64)
    views: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for size in sizes:
        rows = np.arange(len(added), len(added) + size)[:, None] + np.array([0, 7])
        growing.extend(rows)
        added = np.concatenate([added, rows])
        views.append((growing.view(), added))
    assert len(growing) == len(added)
    for view, before in views:
        np.testing.assert_array_equal(view, before)


def test_rows_that_are_set_are_seen_and_room_is_made_rarely() -> None:
    growing: GrowingArray[np.float64] = GrowingArray(np.float64)
    growing.extend(np.zeros(LEAST))
    growing.view()[3] = 5
    growing.extend(np.ones(1))
    assert growing.view()[3] == 5
    room = growing._rows
    for _ in range(LEAST // 4):
        growing.extend(np.ones(1))
    assert growing._rows is room


@given(st.lists(ROWS, max_size=5), st.data())
def test_ragged_rows_are_those_that_were_added_whatever_the_batches(
    batches: list[list[NDArray[np.uint32]]], data: st.DataObject
) -> None:
    ragged: RaggedArray[np.uint32] = RaggedArray(np.uint32)
    for batch in batches:
        ragged.extend(batch)
    rows = [row for batch in batches for row in batch]
    sought = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=20)) if rows else []
    places, owners = ragged.place(np.array(sought, dtype=np.int64))
    values = ragged.take(places)
    assert len(places) == len(owners) == sum(len(rows[row]) for row in sought)
    for owner, row in enumerate(sought):
        np.testing.assert_array_equal(values[owners == owner], rows[row])


def test_places_of_ragged_rows_stay_where_they_are() -> None:
    ragged: RaggedArray[np.uint8] = RaggedArray(np.uint8)
    ragged.extend([np.array([1, 2], dtype=np.uint8), np.array([], dtype=np.uint8), np.array([3], dtype=np.uint8)])
    places, owners = ragged.place(np.array([2, 1, 0]))
    ragged.extend([np.full(5000, 9, dtype=np.uint8)])
    assert ragged.take(places).tolist() == [3, 1, 2]
    assert owners.tolist() == [0, 2, 2]
