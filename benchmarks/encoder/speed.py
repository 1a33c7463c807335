"""Measure the encoder: python benchmarks/encoder/speed.py --data FOLDER --help.

The same real reports go through the int8 model that servers run, the same network in fp32, and PyTorch
(sentence-transformers), in turns, so that what else the machine does meets all alike: medians and ratios can be
compared, single times cannot. Last, what a process holds in memory that only encodes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bugflow.ml.contract import Vectors
from bugflow.ml.encoder import OnnxEncoder, SharedEncoder
from bugflow.ml.encoder.exporting import export
from bugflow.ml.encoder.manifest import MODEL, TOKENIZER
from bugflow.ml.encoder.session import open_session, run_session
from bugflow.ml.encoder.tokens import clean, open_tokenizer, pad
from bugflow.ml.encoder.weights import Weights, find_weights

MAX_TOKENS = 256
BATCH = 16
CALLERS = 8
ROUNDS = 3
TITLE_TOKENS, REPORT_TOKENS = (8, 18), (80, 100)

Encode = Callable[[Sequence[str]], Vectors]
Rows = list[tuple[str, ...]]

SERVE = """
import json, sys
from pathlib import Path
from bugflow.ml.encoder import OnnxEncoder, SharedEncoder
def read(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(name))
empty = read("VmRSS")
with SharedEncoder(OnnxEncoder.open(Path(sys.argv[1]))) as shared:
    shared.warm()
    ready = read("VmRSS")
    for text in json.load(sys.stdin):
        shared.encode([text])
    print(json.dumps([empty, ready, read("VmRSS"), read("VmHWM"), "torch" in sys.modules]))
"""


def main() -> None:
    """Measure, and print a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="Folder of Parquet files with title and description.")
    parser.add_argument("--encoder", default="", help="Folder of weights; by default the packaged ones.")
    parser.add_argument("--alone", type=int, default=60, help="How many texts go through alone.")
    parser.add_argument("--together", type=int, default=120, help="How many texts go through together.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="Write the report to this file, too.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = "\n".join(measure(Path(folder), find_weights(arguments.encoder), arguments)) + "\n"
    print(report)
    if arguments.out:
        arguments.out.write_text(report, encoding="utf-8")


def measure(folder: Path, weights: Weights, arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the report."""
    small, full = folder / "int8", folder / "fp32"
    for target in (small, full):
        target.mkdir()
        export(weights, target, quantised=target is small)
    titles, reports, texts = draw_texts(arguments, OnnxEncoder.open(small))
    engines = open_engines(small, full, weights.folder, threads=1)
    for vectors in engines.values():
        vectors(texts[:4])
    yield from ["## One text alone, one thread, ms", ""]
    rows: Rows = []
    for kind, chosen in (("title", titles), ("report of 80 to 100 tokens", reports)):
        rows += describe_alone(kind, time_alone({**engines}, chosen[: arguments.alone]))
    yield from show_table(("", "text", "median", "p95", "times as fast as PyTorch"), rows)
    yield from ["", f"## {len(texts)} reports as they are, texts a second", ""]
    yield from show_table(
        ("", "1 thread", "2 threads", "times as fast as PyTorch, with 1 and 2"),
        time_together(small, full, weights, texts),
    )
    yield from ["", f"## {CALLERS} callers at once of one shared encoder, report of 80 to 100 tokens", ""]
    yield from show_table(("texts at once", "texts a second", "median ms", "p95 ms"), time_callers(small, reports))
    yield from ["", "## Nearness of the vectors", ""]
    yield from show_table(("", "mean cosine", "lowest"), compare_vectors(small, full, weights, texts))
    yield from ["", "## Memory of a process that only encodes, MB", ""]
    yield from show_table(("", "MB"), measure_memory(small, texts))


def draw_texts(arguments: argparse.Namespace, encoder: OnnxEncoder) -> tuple[list[str], list[str], list[str]]:
    """Return titles, reports of about 90 tokens, and reports as they come; all different, drawn at random."""
    columns = ["title", "description"]
    frames = [
        pl.scan_parquet(path).select(columns).with_columns(pl.col(columns).fill_null("")).collect()
        for path in sorted(arguments.data.glob("*.parquet"))
    ]
    drawn = pl.concat(frames).unique(maintain_order=True).sample(6000, seed=arguments.seed, shuffle=True)
    titles = [title for title in drawn["title"] if is_between(encoder, title, TITLE_TOKENS)]
    described = [f"{title}\n{rest}" for title, rest in drawn.rows() if len(rest) > len(title)]
    reports = [text for text in described if is_between(encoder, text, REPORT_TOKENS)]
    return titles, reports, described[: arguments.together]


def is_between(encoder: OnnxEncoder, text: str, limits: tuple[int, int]) -> bool:
    """Tell whether a text has so many tokens."""
    return limits[0] <= encoder.count_tokens(text) <= limits[1]


def open_engines(small: Path, full: Path, weights: Path, *, threads: int) -> dict[str, Encode]:
    """Return what is compared, by name; PyTorch last."""
    return {
        "int8": OnnxEncoder.open(small, threads=threads).encode,
        "fp32": OnnxEncoder.open(full, threads=threads).encode,
        "PyTorch": open_torch(weights, threads=threads),
    }


def open_torch(weights: Path, *, threads: int) -> Encode:
    """Return the encoder as most programs run it."""
    import torch  # noqa: PLC0415 -- What is measured without it comes first.
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 -- The same.

    model = SentenceTransformer(str(weights), device="cpu")
    model.max_seq_length = MAX_TOKENS

    def encode(texts: Sequence[str]) -> Vectors:
        torch.set_num_threads(threads)
        found: Vectors = np.asarray(model.encode(list(texts), show_progress_bar=False), dtype=np.float32)
        return found

    return encode


def open_padded(folder: Path, *, threads: int) -> Encode:
    """Return the int8 model in padded batches of texts of like lengths, as is usual on a GPU."""
    tokenizer = open_tokenizer(folder / TOKENIZER, most_tokens=MAX_TOKENS)
    session = open_session(folder / MODEL, threads=threads)

    def encode(texts: Sequence[str]) -> Vectors:
        ids = [tokenizer.encode(clean(text, most_tokens=MAX_TOKENS)).ids for text in texts]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        vectors: Vectors | None = None
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            found = run_session(session, pad([ids[row] for row in rows]))
            vectors = np.zeros((len(ids), found.shape[1]), dtype=np.float32) if vectors is None else vectors
            vectors[rows] = found
        return np.zeros((0, 0), dtype=np.float32) if vectors is None else vectors

    return encode


def time_alone(engines: Mapping[str, Encode], texts: Sequence[str]) -> dict[str, list[float]]:
    """Return milliseconds by engine; for each text all engines take their turn."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for text in texts:
        for name, encode in engines.items():
            started = time.perf_counter()
            encode([text])
            times[name].append((time.perf_counter() - started) * 1000)
    return times


def describe_alone(kind: str, times: Mapping[str, list[float]]) -> Rows:
    """Return a row for each engine."""
    slowest = statistics.median(times["PyTorch"])
    return [
        (
            name,
            kind,
            f"{(median := statistics.median(each)):.1f}",
            f"{quantile(each, 95):.1f}",
            f"{slowest / median:.2f}",
        )
        for name, each in times.items()
    ]


def quantile(times: Sequence[float], percent: float) -> float:
    """Return what so many of 100 stay below."""
    return float(np.percentile(times, percent))


def time_together(small: Path, full: Path, weights: Weights, texts: Sequence[str]) -> Rows:
    """Return texts a second by engine, with one thread and with two; the median of some rounds in turns."""
    engines = {
        (name, threads): encode
        for threads in (1, 2)
        for name, encode in {
            **open_engines(small, full, weights.folder, threads=threads),
            f"int8, padded batches of {BATCH}": open_padded(small, threads=threads),
        }.items()
    }
    rates: dict[tuple[str, int], list[float]] = {key: [] for key in engines}
    for _ in range(ROUNDS):
        for key, encode in engines.items():
            started = time.perf_counter()
            encode(texts)
            rates[key].append(len(texts) / (time.perf_counter() - started))
    median = {key: statistics.median(each) for key, each in rates.items()}
    return [
        (
            name,
            f"{median[name, 1]:.0f}",
            f"{median[name, 2]:.0f}",
            " and ".join(f"{median[name, each] / median['PyTorch', each]:.2f}" for each in (1, 2)),
        )
        for name in dict.fromkeys(name for name, _ in median)
    ]


def time_callers(small: Path, reports: Sequence[str]) -> Rows:
    """Return how callers fare who each ask for one report after another, by how many texts go at once."""
    encoder = OnnxEncoder.open(small)
    texts = reports[: CALLERS * 6]
    times: dict[int, list[float]] = {1: [], CALLERS: []}
    seconds = dict.fromkeys(times, 0.0)
    for batch in list(times) * ROUNDS:
        with SharedEncoder(encoder, batch_texts=batch) as shared, ThreadPoolExecutor(CALLERS) as pool:
            shared.warm()
            started = time.perf_counter()
            times[batch] += pool.map(partial(time_call, shared.encode), texts)
            seconds[batch] += time.perf_counter() - started
    return [
        (str(batch), f"{len(each) / seconds[batch]:.0f}", f"{statistics.median(each):.0f}", f"{quantile(each, 95):.0f}")
        for batch, each in times.items()
    ]


def time_call(encode: Encode, text: str) -> float:
    """Return the milliseconds of a call."""
    started = time.perf_counter()
    encode([text])
    return (time.perf_counter() - started) * 1000


def compare_vectors(small: Path, full: Path, weights: Weights, texts: Sequence[str]) -> Rows:
    """Return how near vectors of the same texts are that were made in different ways."""
    engines = open_engines(small, full, weights.folder, threads=2)
    found = {name: encode(texts) for name, encode in engines.items()}
    padded = open_padded(small, threads=2)(texts)
    pairs = {
        "int8 to PyTorch": (found["int8"], found["PyTorch"]),
        "fp32 to PyTorch": (found["fp32"], found["PyTorch"]),
        "int8 alone to int8 in a padded batch": (found["int8"], padded),
        "int8 alone to int8 among others": (found["int8"], OnnxEncoder.open(small).encode(texts[::-1])[::-1]),
    }
    cosines = {name: (left * right).sum(axis=1) for name, (left, right) in pairs.items()}
    return [(name, f"{each.mean():.4f}", f"{each.min():.4f}") for name, each in cosines.items()]


def measure_memory(small: Path, texts: Sequence[str]) -> Rows:
    """Return what a process of its own holds, before and after it has encoded."""
    command = [sys.executable, "-c", SERVE, str(small)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)  # noqa: S603 -- Ours.
    answer: list[Any] = json.loads(done.stdout)
    names = ("before loading", "ready", f"after {len(texts)} reports", "most ever")
    rows = [(name, f"{size:.0f}") for name, size in zip(names, answer[:4], strict=True)]
    return [*rows, ("PyTorch was loaded", "yes" if answer[4] else "no")]


def show_table(head: tuple[str, ...], rows: Rows) -> list[str]:
    """Return a table's lines."""
    return [f"| {' | '.join(row)} |" for row in (head, tuple("---" for _ in head), *rows)]


if __name__ == "__main__":
    main()
