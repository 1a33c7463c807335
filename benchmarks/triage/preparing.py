"""How fast `bugflow dataset prepare` is, and how much memory it takes, on a million reports and more.

A file is built by repeating the real rows of a folder of Parquet files (../shared/data/issues). So that the removal of
near repeats does not leave only the first round, each further round is varied: of every three words of title and
description one gets the round's number behind it, as `file7`. Then of two rounds less than a third of the word pairs
are the same, which is far below the 0.8 from which on texts count as repeats; length, code, traces and markup stay as
they are in most of their parts. With --repeats the rows are repeated as they are, and all rounds but the first are left
out as repeats. Dates are real, moved by some seconds each round. All rows are labelled by keyword, as in the
specification's protocol, so that none is left out for want of a label.

The command runs in a process of its own; memory is the sum over it and its workers of the proportional set size where
the system tells it, else of the resident one, looked at four times a second.

    python benchmarks/triage/preparing.py --data ../shared/data/issues --rows 1000000
"""

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import psutil  # type: ignore[import-untyped]

PROJECTED_ROWS = 5_300_000
CORES = 2
COLUMNS = ["issue_id", "project", "title", "description", "priority", "component", "created_at", "reporter"]
CHUNK_ROWS = 20_000
LOOK_SECONDS = 0.25
MEBIBYTE = 1 << 20
_EVERY_THIRD = re.compile(r"(\w+\W+\w+\W+\w{2,})")


@dataclass(frozen=True)
class Figures:
    """What came of one run."""

    rows: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    main_peak_mib: float
    manifest: dict[str, object]


def build(data: Path, out: Path, *, rows: int, varied: bool) -> int:
    """Write a Parquet file of so many rows and return its size in bytes."""
    frames = [pl.read_parquet(path) for path in sorted(data.glob("*.parquet"))]
    real = pl.concat(
        [
            frame.select(pl.col(COLUMNS)).cast({"description": pl.String})
            for frame in [
                frame.with_columns(pl.col("description").cast(pl.String), pl.col("reporter").cast(pl.String))
                for frame in frames
            ]
        ]
    )
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        written = number = 0
        while written < rows:
            start = written % len(real)
            chunk = real.slice(start, min(CHUNK_ROWS, len(real) - start, rows - written))
            _vary(chunk, written // len(real), varied=varied).write_parquet(Path(folder) / f"{number:06d}.parquet")
            written, number = written + len(chunk), number + 1
        pl.scan_parquet(sorted(Path(folder).iterdir())).sink_parquet(out, row_group_size=100_000)
    return out.stat().st_size


def _vary(chunk: pl.DataFrame, turn: int, *, varied: bool) -> pl.DataFrame:
    chunk = chunk.with_columns(pl.col("created_at") + pl.duration(seconds=turn), pl.col("issue_id") + f"-{turn}")
    if not turn or not varied:
        return chunk
    return chunk.with_columns(
        pl.col(name).map_elements(lambda text: _EVERY_THIRD.sub(rf"\g<1>{turn}", text), pl.String)
        for name in ("title", "description")
    )


def measure(file: Path, out: Path, workers: int | None) -> Figures:
    """Run the command on a file and watch its processes."""
    command = [str(Path(sys.executable).with_name("bugflow")), "dataset", "prepare", str(file), "--out", str(out)]
    command += ["--labels", "keyword", "--json", *(["--workers", str(workers)] if workers else [])]
    started = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 -- Our own command.
    process, peak, main_peak, before = psutil.Process(running.pid), 0.0, 0.0, _read_cpu()
    while running.poll() is None:
        own, all_of_them = _look(process)
        main_peak, peak = max(main_peak, own), max(peak, all_of_them)
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - started
    stdout = running.stdout.read() if running.stdout is not None else b""
    if running.returncode:
        raise SystemExit(running.returncode)
    manifest = json.loads(stdout)
    spent = _read_cpu() - before
    return Figures(manifest["rows"]["read"], seconds, spent, peak / MEBIBYTE, main_peak / MEBIBYTE, manifest["rows"])


def _read_cpu() -> float:
    """Return the processor time of the processes started from here that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _look(process: psutil.Process) -> tuple[float, float]:
    sizes = []
    with suppress(psutil.NoSuchProcess):
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                memory = each.memory_full_info()
                sizes.append(getattr(memory, "pss", memory.rss))
    return (sizes[0], sum(sizes)) if sizes else (0.0, 0.0)


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="A folder of Parquet files of reports.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", action="store_true", help="Repeat the rows as they are.")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--keep", type=Path, help="Build the file here, or take the one that is there.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = given.keep or Path(folder) / "reports.parquet"
        if not file.exists():
            build(given.data, file, rows=given.rows, varied=not given.repeats)
        size = file.stat().st_size / MEBIBYTE
        print(f"{given.rows:,} rows in a file of {size:,.0f} MiB, load {psutil.getloadavg()[0]:.1f}", flush=True)
        figures = measure(file, Path(folder) / "out", given.workers)
    speed = figures.rows / figures.seconds
    print(f"{figures.seconds:,.0f} s, {speed:,.0f} rows/s, load {psutil.getloadavg()[0]:.1f}")
    spent = figures.cpu_seconds / figures.rows
    print(f"processor time {figures.cpu_seconds:,.0f} s, {spent * 1e6:,.0f} microseconds a row")
    print(f"peak memory {figures.peak_mib:,.0f} MiB, of it the main process {figures.main_peak_mib:,.0f} MiB")
    print(json.dumps(figures.manifest))
    alone = PROJECTED_ROWS * spent / CORES / 60
    print(f"projected: {PROJECTED_ROWS:,} rows in {PROJECTED_ROWS / speed / 60:,.0f} minutes under this load,")
    print(f"{alone:,.0f} minutes on {CORES} cores that do nothing else")


if __name__ == "__main__":
    main()
