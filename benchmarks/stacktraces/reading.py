"""Measures how many real stack traces are read right: their exception, the number of their frames, and how fast.

    python benchmarks/stacktraces/reading.py --data ../shared/data/summaries/stack_traces.parquet

The file says of each text the first exception, where one is named, and how many lines there are of frames. It counts
the lines `Caused by:` and `... 12 more` as such; they are compared with those and without.
"""

import argparse
import re
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from bugflow.ml.stacktraces import StackTrace, read_traces

_NO_FRAME = re.compile(r"^\W*(?:Caused by:|\.\.\.\s*\d+\s+more)", re.MULTILINE)


@dataclass(slots=True)
class Count:
    """What was read right of the texts of one source."""

    texts: int = 0
    found: int = 0
    named: int = 0
    exceptions: int = 0
    frames: int = 0
    lines: int = 0
    seconds: float = 0.0


def count_frames(traces: list[StackTrace]) -> int:
    """Return how many frames all traces and their causes have."""
    return sum(len(part.frames) for trace in traces for part in trace.chain)


def count_lines(text: str) -> int:
    """Return how many lines of a text name a cause or say that frames were left out."""
    return len(_NO_FRAME.findall(text))


def name_exception(traces: list[StackTrace]) -> str | None:
    """Return the first exception of a text, the outer one of its chain."""
    return next((part.exception for trace in traces for part in (trace, *trace.causes) if part.exception), None)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wrong", type=int, default=0, help="Print so many identifiers of texts that are read wrong.")
    chosen = parser.parse_args()
    counts: defaultdict[str, Count] = defaultdict(Count)
    wrong: list[str] = []
    columns = ["id", "source", "stack_trace", "exception", "n_frames"]
    for name, source, text, exception, frames in pl.read_parquet(chosen.data, columns=columns).rows():
        started = time.perf_counter()
        traces = read_traces(text)
        seconds = time.perf_counter() - started
        read = name_exception(traces), count_frames(traces)
        if (exception and read[0] != exception) or frames not in {read[1], read[1] + count_lines(text)}:
            wrong.append(f"{name}: {exception}, {frames} frames; read {read[0]}, {read[1]} frames")
        for count in (counts[source], counts["all"]):
            count.texts += 1
            count.found += bool(traces)
            count.named += exception is not None
            count.exceptions += exception is not None and read[0] == exception
            count.frames += read[1] == frames
            count.lines += read[1] + count_lines(text) == frames
            count.seconds += seconds
    print("| source | texts | a trace is found | right exception | as many frames | as many lines | ms a text |")
    print("|---|---|---|---|---|---|---|")
    for source, count in sorted(counts.items()):
        exceptions = f"{count.exceptions / count.named:.1%} of {count.named:,}" if count.named else "none named"
        shares = f"{count.found / count.texts:.1%} | {exceptions} | {count.frames / count.texts:.1%}"
        shares += f" | {count.lines / count.texts:.1%}"
        print(f"| {source} | {count.texts:,} | {shares} | {1000 * count.seconds / count.texts:.2f} |")
    print("\n".join(wrong[: chosen.wrong]))


if __name__ == "__main__":
    main()
