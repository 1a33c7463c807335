"""Products of eight-bit rows with vectors."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.ml.duplicates import multiplying
from bugflow.ml.duplicates.multiplying import multiply


@given(st.integers(1, 40), st.integers(1, 400), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_products_are_those_of_the_floats_within_a_seven_thousandth(n: int, dims: int, vectors: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    rows = chance.integers(-127, 128, (n, dims), dtype=np.int8)
    some = chance.standard_normal((dims, vectors)).astype(np.float32)
    longest = np.abs(rows).sum(axis=1)[:, None] * np.abs(some).max(axis=0)
    assert (np.abs(multiply(rows, some) - rows.astype(np.float64) @ some) <= longest / 7000 + 1e-3).all()


@pytest.mark.parametrize("sign", [-1, 1])
def test_the_largest_numbers_do_not_overflow(sign: int) -> None:
    rows = np.full((3, 384), 127, dtype=np.int8) * np.array([[1], [-1], [1]], dtype=np.int8)
    found = multiply(rows, np.full((384, 1), sign * 0.25, dtype=np.float32))
    np.testing.assert_allclose(found[:, 0], sign * 0.25 * 127 * 384 * np.array([1, -1, 1]), rtol=1e-4)


def test_without_rows_or_with_vectors_of_zeros_there_is_nothing() -> None:
    assert multiply(np.zeros((0, 8), dtype=np.int8), np.ones((8, 2), dtype=np.float32)).shape == (0, 2)
    assert not multiply(np.ones((5, 8), dtype=np.int8), np.zeros((8, 1), dtype=np.float32)).any()


def test_the_model_is_one_node_that_multiplies_eight_bit_numbers() -> None:
    model = onnx.load_from_string(multiplying._MODEL)
    onnx.checker.check_model(model)
    [node] = model.graph.node
    assert (node.op_type, list(node.input), list(node.output)) == ("MatMulInteger", ["rows", "vectors"], ["products"])
    kinds = [each.type.tensor_type.elem_type for each in (*model.graph.input, *model.graph.output)]
    assert kinds == [onnx.TensorProto.INT8, onnx.TensorProto.INT8, onnx.TensorProto.INT32]
