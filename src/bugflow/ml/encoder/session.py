"""A session of ONNX Runtime, from tokens to vectors."""

from pathlib import Path
from typing import Any

import numpy as np

from bugflow.ml.artifacts import ArtifactError
from bugflow.ml.contract import Vectors
from bugflow.ml.encoder.tokens import Tokens


def open_session(path: Path, *, threads: int) -> Any:  # noqa: ANN401 -- ONNX Runtime has no types.
    """Load a model to be run on so many threads.

    Raises:
        ArtifactError: It is missing or no model.
    """
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415 -- 0.2 s, and only where an encoder is used.
    from onnxruntime.capi.onnxruntime_pybind11_state import (  # type: ignore[import-untyped]  # noqa: PLC0415 -- The same.
        Fail,
        InvalidArgument,
        InvalidGraph,
        InvalidProtobuf,
        NoSuchFile,
    )

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoSuchFile) as error:
        raise ArtifactError(path, "it is missing or no model.") from error


def run_session(session: Any, tokens: Tokens) -> Vectors:  # noqa: ANN401 -- ONNX Runtime has no types.
    """Return the vectors of some texts; several threads may do so at once."""
    ids, mask = tokens
    [vectors] = session.run(None, {"input_ids": ids, "attention_mask": mask})
    return np.asarray(vectors, dtype=np.float32)
