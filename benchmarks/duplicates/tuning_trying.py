"""How often the nearest vectors of older reports are of the same bug, without words and without a ranker."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tries_figures import describe_ranks, print_ranks
from tuning_network import State, write_weights
from tuning_pairs import Rows, list_clusters, write_out

from bugflow.ml.contract import Encoder, Vectors
from bugflow.ml.duplicates.evaluating import Ranks
from bugflow.ml.duplicates.history import History
from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.exporting import export
from bugflow.ml.encoder.keeping import VECTORS, KeptVectors
from bugflow.ml.encoder.weights import Weights

QUERIES_AT_ONCE = 200


@dataclass(frozen=True)
class Encoded:
    """Vectors of some reports, one row each, the oldest first.

    Attributes:
        rows: Of the history.
        titles: Shape (rows, dimensions).
        texts: The same of title and sentences.
    """

    rows: Rows
    titles: Vectors
    texts: Vectors


def choose_rows(history: History, most: int | None, *, seed: int = 0) -> Rows:
    """Return the rows of all bugs that were reported more than once, and of others by chance, so many in all."""
    if most is None or most >= len(history):
        return np.arange(len(history), dtype=np.int64)
    known = np.array(sorted(chain.from_iterable(list_clusters(history).values())), dtype=np.int64)
    others = np.setdiff1d(np.arange(len(history), dtype=np.int64), known)
    drawn = np.random.default_rng(seed).choice(others, max(0, most - len(known)), replace=False)
    return np.sort(np.concatenate([known, drawn]))


def open_state(state: State, like: Weights, folder: Path) -> Encoder:
    """Return the encoder that weights become as the product makes it: ONNX, int8, its vectors kept in a file."""
    made = folder / "prepared"
    weights = write_weights(state, like, folder / "weights")
    made.mkdir(parents=True, exist_ok=True)
    export(weights, made)
    return KeptVectors(OnnxEncoder.open(made, threads=1), folder / VECTORS)


def encode_rows(history: History, rows: Rows, encoder: Encoder) -> Encoded:
    """Return the vectors of some reports."""
    written = [write_out(history.reports[row]) for row in rows.tolist()]
    vectors = encoder.encode(list(chain.from_iterable((each.title, each.text) for each in written)))
    return Encoded(rows, vectors[0::2], vectors[1::2])


def rank_all(history: History, encoded: Encoded) -> Mapping[str, Ranks]:
    """Return by name of a cosine how many older reports stand before the first right one, of each duplicate."""
    centred = _centre(encoded.texts)
    return {
        "text": _rank(history, encoded.rows, encoded.texts),
        "text, centred": _rank(history, encoded.rows, centred),
        "title": _rank(history, encoded.rows, encoded.titles),
        "text and title": _rank(history, encoded.rows, np.hstack([centred, _centre(encoded.titles)])),
    }


def print_all(name: str, frozen: Mapping[str, Ranks], tuned: Mapping[str, Ranks]) -> None:
    """Print what came of tuned vectors beside the frozen ones."""
    print(f"\n{name}, {len(next(iter(frozen.values()))):,} duplicates")
    for cosine, ranks in frozen.items():
        print_ranks(cosine, ranks, tuned[cosine])


def print_frozen(name: str, frozen: Mapping[str, Ranks]) -> None:
    """Print what the frozen vectors find."""
    print(f"\n{name}, frozen")
    for cosine, ranks in frozen.items():
        print(f"  {cosine}: {describe_ranks(ranks)}", flush=True)


def _centre(vectors: Vectors) -> Vectors:
    away = vectors - vectors.mean(axis=0)
    return np.asarray(away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _rank(history: History, rows: Rows, vectors: Vectors) -> Ranks:
    created = np.array([history.filed[row].created for row in rows.tolist()])
    clusters = history.clusters[rows]
    places = np.flatnonzero(np.isin(rows, np.array(history.queries)))
    found = [
        _count_before(vectors, some, created, clusters)
        for some in np.array_split(places, max(1, len(places) // QUERIES_AT_ONCE))
    ]
    return np.concatenate(found)


def _count_before(vectors: Vectors, some: Rows, created: NDArray[np.float64], clusters: Rows) -> Ranks:
    cosines = vectors[some] @ vectors.T
    older = created < created[some, None]
    cosines[~older] = -np.inf
    right = older & (clusters == clusters[some, None])
    best = np.where(right, cosines, -np.inf).max(axis=1)
    return np.asarray((cosines > best[:, None]).sum(axis=1), dtype=np.int64)
