"""Measures how many reports a second the starter models judge in a batch, through ONNX Runtime and through PyTorch.

    python benchmarks/triage/batch.py --data ../shared/data/issues/titanium_jira.parquet

Both ways judge the same real reports in turns, a slice at a time, so that what else the machine does meets both alike.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from bugflow.ml.contract import Encoder, Report, Vectors
from bugflow.ml.encoder import SharedEncoder, open_encoder
from bugflow.ml.encoder.weights import find_weights
from bugflow.ml.triage.model import TriageModel
from bugflow.ml.triage.starter import find_starter

TARGETS = ("severity", "team")
SLICES = 10
WANTED = 100
MOST_TOKENS = 256


class TorchEncoder:
    """The same weights as most programs run them: sentence-transformers, fp32.

    Attributes:
        name: Of the encoder that the models were trained with, so that they take this one.
        n_dims: How many dimensions a vector has.
    """

    def __init__(self, weights: Path, *, name: str, n_dims: int) -> None:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 -- Heavy.

        self.name, self.n_dims = name, n_dims
        self._model = SentenceTransformer(str(weights), device="cpu")
        self._model.max_seq_length = MOST_TOKENS

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors, in batches of 32 of about the same length."""
        found = self._model.encode(list(texts), convert_to_numpy=True, normalize_embeddings=True)
        return np.asarray(found, dtype=np.float32)


def draw_reports(path: Path, count: int, seed: int) -> list[Report]:
    """Return so many different reports of a file."""
    frame = pl.read_parquet(path, columns=["title", "description"]).with_columns(pl.all().fill_null("")).unique()
    return [Report(title, text) for title, text in frame.sample(count, seed=seed, shuffle=True).rows()]


def load_starters(encoder: Encoder) -> list[TriageModel]:
    """Return the starter models, which share what an encoder remembers of a report."""
    shared = SharedEncoder(
        encoder, batch_texts=256, batch_characters=1 << 20, most_waiting=1 << 20, timeout_seconds=600
    )
    folders = [find_starter(target) for target in TARGETS]
    return [TriageModel.load(folder, encoder=shared) for folder in folders if folder is not None]


def judge(models: Sequence[TriageModel], reports: Sequence[Report]) -> tuple[float, list[str]]:
    """Return how long the judgement of all fields took, in seconds, and the labels."""
    started = time.perf_counter()
    said = [each.label for model in models for each in model.suggest(reports)]
    return time.perf_counter() - started, said


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--models", type=Path, default=Path.home() / ".bugflow/models", help="Keeps the encoder.")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    onnx = open_encoder(chosen.models, threads=cores)
    ways = {
        "ONNX Runtime, int8": load_starters(onnx),
        "PyTorch, fp32": load_starters(TorchEncoder(find_weights("").folder, name=onnx.name, n_dims=onnx.n_dims)),
    }
    reports = draw_reports(chosen.data, chosen.reports + 8, chosen.seed)
    for models in ways.values():
        judge(models, reports[-8:])
    taken: dict[str, list[float]] = {name: [] for name in ways}
    labels: dict[str, list[str]] = {name: [] for name in ways}
    for rows in np.array_split(np.arange(chosen.reports), SLICES):
        for name, models in ways.items():
            seconds, said = judge(models, [reports[row] for row in rows])
            taken[name].append(len(rows) / seconds)
            labels[name] += said
    same = np.mean([one == other for one, other in zip(*labels.values(), strict=True)])
    fields = " and ".join(TARGETS)
    print(f"{chosen.reports:,} reports of {chosen.data.stem}, {fields}, {cores} cores; wanted: {WANTED} a second")
    print("| | reports a second, median of slices | lowest | highest |\n|---|---|---|---|")
    for name, speeds in taken.items():
        print(f"| {name} | {np.median(speeds):.0f} | {min(speeds):.0f} | {max(speeds):.0f} |")
    first, second = (np.median(speeds) for speeds in taken.values())
    print(f"The first is {first / second:.2f} times as fast; both say the same label in {same:.1%} of the fields.")


if __name__ == "__main__":
    main()
