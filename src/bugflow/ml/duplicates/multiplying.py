"""Products of many rows of eight-bit numbers with few vectors, without Python's lock and without BLAS.

NumPy widens such rows before it multiplies them, a block at a time: every block gives Python's lock away and waits for
it again, and where BLAS uses several threads, they and those of a server stand in each other's way. ONNX Runtime
multiplies eight-bit numbers as they are, in one call, on the thread that asks.
"""

from base64 import b64decode
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 63
"""Of the numbers that rows are multiplied with. Older processors add two products in sixteen bits: 510 x 63 fits."""
STEPS = LARGEST + 1
_MODEL = b64decode(
    "CAgSADqJAQooCgRyb3dzCgd2ZWN0b3JzEghwcm9kdWN0cyINTWF0TXVsSW50ZWdlchIIbXVsdGlwbHlaGAoEcm93cxIQCg4IAxIKCgMSAW4KAxIB"
    "ZFobCgd2ZWN0b3JzEhAKDggDEgoKAxIBZAoDEgFrYhwKCHByb2R1Y3RzEhAKDggGEgoKAxIBbgoDEgFrQgQKABAN"
)
"""An ONNX model of one node: `products = MatMulInteger(rows, vectors)`, int8 to int32."""


def multiply(rows: NDArray[np.int8], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the products of rows with vectors, shape (rows, vectors).

    Each number of a vector is taken as two of seven bits, a coarse and a fine one, so that it is off by at most one in
    8,000 of the vector's largest.

    Args:
        rows: Shape (rows, dimensions).
        vectors: Shape (dimensions, vectors).
    """
    n_vectors = vectors.shape[1]
    if not len(rows):
        return np.zeros((0, n_vectors), dtype=np.float32)
    steps = np.maximum(np.abs(vectors).max(axis=0, initial=0), 1e-9) / (LARGEST * STEPS)
    whole = np.round(vectors / steps)
    coarse = np.round(whole / STEPS)
    parts = np.concatenate([coarse, whole - coarse * STEPS], axis=1).astype(np.int8)
    [products] = _open_session().run(None, {"rows": rows, "vectors": parts})
    found = products[:, :n_vectors] * np.float32(STEPS)
    found += products[:, n_vectors:]
    found *= steps
    return np.asarray(found, dtype=np.float32)


@lru_cache(1)
def _open_session() -> Any:  # noqa: ANN401 -- ONNX Runtime has no types.
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415 -- 0.2 s, and only where there are vectors.

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # It would keep the largest answer for ever.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(_MODEL, options, providers=["CPUExecutionProvider"])
