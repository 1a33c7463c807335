"""Vectors kept between trainings."""

from pathlib import Path

import numpy as np

from bugflow.ml.encoder.keeping import KeptVectors
from factories.encoders import BagEncoder, HashEncoder


def test_a_text_is_encoded_once(tmp_path: Path) -> None:
    encoder = HashEncoder()
    first = KeptVectors(encoder, tmp_path / "vectors.db").encode(["a", "b", "a", ""])
    again = KeptVectors(encoder, tmp_path / "vectors.db").encode(["b", "c", "\ud800"])
    assert encoder.batches == [["a", "b", ""], ["c", "\ud800"]]
    np.testing.assert_array_equal(first[1], again[0])
    np.testing.assert_array_equal(first[0], first[2])
    assert np.allclose(first, HashEncoder().encode(["a", "b", "a", ""]), atol=1e-3)


def test_vectors_of_another_encoder_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "vectors.db"
    KeptVectors(BagEncoder("one"), path).encode(["crash"])
    other = BagEncoder("other")
    KeptVectors(other, path).encode(["crash"])
    assert other.calls == 1


def test_more_texts_than_fit_at_once_keep_their_order(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(1234)]
    kept = KeptVectors(BagEncoder(), tmp_path / "vectors.db").encode(texts)
    assert np.allclose(kept, BagEncoder().encode(texts), atol=1e-3)


def test_no_text_has_no_vector(tmp_path: Path) -> None:
    assert KeptVectors(BagEncoder(), tmp_path / "vectors.db").encode([]).shape == (0, 64)
