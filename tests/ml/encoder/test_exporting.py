"""Which precision an export keeps, on a network that only looks words up."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bugflow.ml.contract import Vectors
from bugflow.ml.encoder.errors import UnsuitableWeightsError
from bugflow.ml.encoder.exporting import choose_precision
from bugflow.ml.encoder.session import open_session, run_session
from bugflow.ml.encoder.tokens import pad

TOKENS = [[1, 2, 3], [4], [2, 4]]


def write_network(path: Path, *, outlier: float) -> Vectors:
    """Write a network whose last word has an outlying vector; return the vectors of the texts."""
    table = np.random.default_rng(0).normal(size=(6, 16)).astype(np.float32)
    table[5] = outlier
    shapes = {"input_ids": TensorProto.INT64, "attention_mask": TensorProto.INT64}
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["words"]),
            helper.make_node("ReduceMean", ["words"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("LpNormalization", ["mean"], ["vectors"], axis=1),
        ],
        "words",
        [helper.make_tensor_value_info(name, kind, ["text", "token"]) for name, kind in shapes.items()],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["text", 16])],
        [numpy_helper.from_array(table, "table")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    session = open_session(path, threads=1)
    return np.vstack([run_session(session, pad([each])) for each in TOKENS])


def test_int8_is_kept_where_it_gives_the_same_vectors(tmp_path: Path) -> None:
    wanted = write_network(tmp_path / "full.onnx", outlier=1.0)
    precision, cosine = choose_precision(tmp_path / "full.onnx", tmp_path / "model.onnx", wanted, TOKENS)
    assert (precision, 0.98 <= cosine < 1) == ("int8", True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_fp32_is_kept_where_int8_gives_other_vectors(tmp_path: Path) -> None:
    wanted = write_network(tmp_path / "full.onnx", outlier=10_000.0)
    precision, cosine = choose_precision(tmp_path / "full.onnx", tmp_path / "model.onnx", wanted, TOKENS)
    assert (precision, cosine > 0.999) == ("fp32", True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_an_export_that_gives_other_vectors_in_any_precision_is_refused(tmp_path: Path) -> None:
    wanted = -write_network(tmp_path / "full.onnx", outlier=1.0)
    with pytest.raises(UnsuitableWeightsError, match="other vectors than PyTorch"):
        choose_precision(tmp_path / "full.onnx", tmp_path / "model.onnx", wanted, TOKENS)
