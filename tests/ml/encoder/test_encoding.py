import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.tokens import clean
from factories.encoders import N_DIMS, Prepared

TEXTS = ["Crash when saving", "typo", "", "a " * 400, "b c d", "Crash when saving"]
HOSTILE = [
    "",
    " ",
    "\0\x1b[31m\u202e\x07",
    "\ud800 lone \udfff",
    "Ошибка при сохранении 保存時にクラッシュする 🐛",
    "\u0301" * 5000,
    "x" * 1_000_000,
    "word " * 200_000,
    "\ud800" * 300_000,
]


def test_vectors_are_float32_and_of_unit_length(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), N_DIMS)
    assert str(vectors.dtype) == "float32"
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_any_text_has_a_vector(encoder: OnnxEncoder) -> None:
    vectors = encoder.encode(HOSTILE)
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_text_has_no_vector(encoder: OnnxEncoder) -> None:
    assert encoder.encode([]).shape == (0, N_DIMS)


def test_a_vector_does_not_depend_on_its_neighbours(encoder: OnnxEncoder) -> None:
    alone = np.vstack([encoder.encode([text]) for text in TEXTS])
    assert np.array_equal(encoder.encode(TEXTS), alone)
    assert np.array_equal(encoder.encode(TEXTS[::-1])[::-1], alone)


@pytest.mark.parametrize("threads", [2, 3, 50])
def test_several_threads_give_the_same_vectors_in_the_same_order(
    prepared: Prepared, encoder: OnnxEncoder, threads: int
) -> None:
    several = OnnxEncoder.open(prepared.folder, threads=threads)
    assert np.array_equal(several.encode(TEXTS), encoder.encode(TEXTS))


def test_many_callers_at_once_each_get_their_own(encoder: OnnxEncoder) -> None:
    wanted = encoder.encode(TEXTS)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda row: encoder.encode([TEXTS[row % len(TEXTS)]])[0], range(60)))
    assert all(np.array_equal(vector, wanted[row % len(TEXTS)]) for row, vector in enumerate(found))


def test_a_text_is_not_padded_and_is_cut_where_the_encoder_says(encoder: OnnxEncoder) -> None:
    assert encoder.count_tokens("") == 2
    assert encoder.count_tokens("a b c") == 5
    assert encoder.count_tokens("a " * 1000) == 256


def test_what_comes_after_the_cut_changes_nothing(encoder: OnnxEncoder) -> None:
    start = "a b " * 127
    assert np.array_equal(encoder.encode([start + "typo " * 9]), encoder.encode([start + "crash " * 99]))


def test_an_encoder_that_cuts_earlier_has_another_name(prepared: Prepared, encoder: OnnxEncoder) -> None:
    shorter = OnnxEncoder.open(prepared.folder, max_tokens=64)
    assert shorter.count_tokens("a " * 1000) == 64
    assert shorter.name != encoder.name
    assert OnnxEncoder.open(prepared.folder, max_tokens=10_000).name == encoder.name


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert clean("ab\ud800" * 1_000_000, most_tokens=4) == ("ab?" * 22)[:64]


def test_a_server_that_encodes_never_loads_pytorch(prepared: Prepared) -> None:
    program = """
import json, sys
from pathlib import Path
from bugflow.ml.encoder import SharedEncoder, open_encoder
with SharedEncoder(open_encoder(Path(sys.argv[1]), sys.argv[2])) as shared:
    shared.warm()
    print(json.dumps([shared.encode(["Crash"]).shape, sorted({name.partition(".")[0] for name in sys.modules})]))
"""
    command = [sys.executable, "-c", program, str(prepared.models), str(prepared.weights)]
    shape, loaded = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)  # noqa: S603 -- Ours.
    assert shape == [1, N_DIMS]
    assert {"torch", "transformers", "sentence_transformers", "onnx", "huggingface_hub"}.isdisjoint(loaded)
    assert "onnxruntime" in loaded
