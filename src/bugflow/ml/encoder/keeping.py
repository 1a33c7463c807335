"""Vectors that are kept in a file, so that a text is encoded once however often models are trained on it."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path

import numpy as np

from bugflow.ml.contract import Encoder, Vectors
from bugflow.ml.encoder.opening import open_encoder

VECTORS = "vectors.db"
TEXTS_AT_ONCE = 500
"""Are encoded before they are written: what a kill can lose."""


class KeptVectors:
    """An encoder that remembers, for training; what it remembers has half precision (cosine to the full above .9999).

    Attributes:
        name: Of the encoder behind it.
        n_dims: How many dimensions a vector has.
    """

    def __init__(self, encoder: Encoder, path: Path) -> None:
        """Take an encoder and a file, which is made where it is missing; vectors of several encoders may share it."""
        self.name = encoder.name
        self.n_dims = encoder.n_dims
        self._encoder = encoder
        self._path = path

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors, shape (texts, dimensions); only those not met before are encoded."""
        vectors = np.zeros((len(texts), self.n_dims), dtype=np.float32)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(self._open()) as database:
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                some = texts[start : start + TEXTS_AT_ONCE]
                vectors[start : start + len(some)] = self._encode(database, some)
        return vectors

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=60)
        database.execute("PRAGMA synchronous = OFF")  # What a power failure takes can be encoded again.
        database.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        return database

    def _encode(self, database: sqlite3.Connection, texts: Sequence[str]) -> Vectors:
        keys = [self._key(text) for text in texts]
        known = dict(self._look_up(database, keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            found = self._encoder.encode(list(missing.values())).astype(np.float16)
            known.update({key: vector.tobytes() for key, vector in zip(missing, found, strict=True)})
            with database:
                database.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)", [(key, known[key]) for key in missing]
                )
        rows = np.stack([np.frombuffer(known[key], dtype=np.float16) for key in keys]).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)

    def _look_up(self, database: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, vector FROM vectors WHERE key IN ({marks})"  # noqa: S608 -- Question marks only.
        for key, vector in database.execute(query, list(keys)):
            if len(vector) == 2 * self.n_dims:  # A cut one is encoded again.
                yield key, vector

    def _key(self, text: str) -> bytes:
        return blake2b(f"{self.name}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()


def open_kept_encoder(models: Path, wanted: str = "", *, threads: int = 2) -> KeptVectors:
    """Load the encoder of this machine, which keeps its vectors beside the models.

    Arguments and errors are those of `open_encoder`.
    """
    return KeptVectors(open_encoder(models, wanted, threads=threads), models / VECTORS)
