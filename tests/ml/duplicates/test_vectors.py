"""Vectors in a quarter of their size."""

import numpy as np
import pytest
from numpy.typing import NDArray

from bugflow.ml.duplicates.vectors import VectorRows, shrink

N_DIMS = 32


def draw_vectors(count: int, *, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, N_DIMS)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def build_rows(*batches: NDArray[np.float32]) -> VectorRows:
    rows = VectorRows(N_DIMS)
    for batch in batches:
        rows.extend(batch)
    return rows


@pytest.mark.parametrize("count", [1, 15, 16, 17, 800])
def test_products_are_those_of_the_floats_within_a_rounding(count: int) -> None:
    vectors, queries = draw_vectors(count), draw_vectors(3, seed=1)
    products = build_rows(vectors).multiply(queries.T.copy())
    assert products.shape == (count, 3)
    np.testing.assert_allclose(products, vectors @ queries.T, atol=0.01)


def test_products_and_rows_are_the_same_whatever_the_batches() -> None:
    vectors, queries = draw_vectors(700), draw_vectors(2, seed=1).T.copy()
    at_once, in_turn = build_rows(vectors), build_rows(*(vectors[row : row + 1] for row in range(len(vectors))))
    np.testing.assert_array_equal(at_once.multiply(queries), in_turn.multiply(queries))
    some = np.array([0, 699, 3, 3])
    np.testing.assert_array_equal(at_once.take(some), in_turn.take(some))
    np.testing.assert_allclose(at_once.take(some), vectors[some], atol=0.005)
    assert len(at_once) == len(in_turn) == 700


def test_a_row_without_a_vector_is_zero() -> None:
    vectors = draw_vectors(3)
    vectors[1] = 0
    rows = build_rows(vectors)
    assert not rows.multiply(draw_vectors(2, seed=1).T.copy())[1].any()
    assert not rows.take(np.array([1])).any()


def test_the_mean_is_that_of_all_rows() -> None:
    vectors = draw_vectors(500)
    rows = build_rows(vectors[:100], vectors[100:])
    np.testing.assert_allclose(rows.read_mean(), vectors.mean(axis=0), atol=1e-6)
    assert rows.read_mean().dtype == np.float32


def test_products_with_the_mean_are_kept_until_rows_are_added() -> None:
    vectors = draw_vectors(300)
    rows = build_rows(vectors[:200])
    np.testing.assert_allclose(rows.compare_mean(), vectors[:200] @ vectors[:200].mean(axis=0), atol=0.005)
    assert rows.compare_mean() is rows.compare_mean()
    rows.extend(vectors[200:])
    np.testing.assert_allclose(rows.compare_mean(), vectors @ vectors.mean(axis=0), atol=0.005)


def test_without_rows_there_is_nothing_to_find() -> None:
    rows = VectorRows(N_DIMS)
    assert len(rows) == 0
    assert rows.multiply(draw_vectors(2).T.copy()).shape == (0, 2)
    assert not rows.read_mean().any()
    assert rows.take(np.array([], dtype=np.int64)).shape == (0, N_DIMS)


def test_each_row_uses_all_of_the_eight_bits() -> None:
    small, scales = shrink(np.array([[0.5, -1.0], [0.001, 0.0], [0.0, 0.0]], dtype=np.float32))
    assert small.tolist() == [[64, -127], [127, 0], [0, 0]]
    np.testing.assert_allclose(small[:2] * scales[:2, None], [[0.5, -1.0], [0.001, 0.0]], atol=0.005)
