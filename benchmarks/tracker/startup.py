"""Measure starting and idling: python benchmarks/tracker/startup.py --help.

Starts `bugflow serve` on a new database and again on what it left, until /health answers; then what the server and the
worker beside it hold in memory. A command that does little shows what loading the command line costs.
"""

import argparse
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving import wait_until_ready

STARTS = 7
TARGET_SECONDS, TARGET_MB = 3.0, 500.0
SETTLING_SECONDS = 5.0
COMMANDS = (("version",), ("--help",), ("db", "status"))


def main() -> None:
    """Start, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--out", type=Path, help="Write the table to this file, too.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with serve(Path(folder)) as (first, _):
            pass
        times = []
        for _ in range(arguments.starts):
            with serve(Path(folder)) as (seconds, process):
                times.append(seconds)
                if len(times) == arguments.starts:
                    time.sleep(SETTLING_SECONDS)
                    memory = measure_memory(process.pid)
        lines = ["| What | Measured | Target |", "|---|---|---|"]
        lines.append(f"| ready, the very first time: Python compiles, the database is made | {first:.2f} s | |")
        lines.append(
            f"| ready, median of {len(times)} ({min(times):.2f}-{max(times):.2f}) | {statistics.median(times):.2f} s "
            f"| < {TARGET_SECONDS:.0f} s |"
        )
        lines += [f"| memory of the {name} | {size:.0f} MB | |" for name, size in memory]
        total = sum(size for _, size in memory)
        lines.append(f"| memory together, idle | {total:.0f} MB | < {TARGET_MB:.0f} MB |")
        for command in COMMANDS:
            seconds = statistics.median(run(Path(folder), *command) for _ in range(arguments.starts))
            lines.append(f"| `bugflow {' '.join(command)}` | {seconds:.2f} s | |")
    report = "\n".join(lines) + "\n"
    print(report)
    if arguments.out:
        arguments.out.write_text(report, encoding="utf-8")


def build_environment(home: Path) -> dict[str, str]:
    """Return the environment of an installation with the default settings.

    Python keeps what it has compiled under the home, so that the first start compiles everything wherever this runs
    and no later one does.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BUGFLOW_", "PYTHON"))}
    return kept | {
        "BUGFLOW_HOME": str(home),
        "BUGFLOW_SECRET_KEY": secrets.token_urlsafe(48),
        "PYTHONPYCACHEPREFIX": str(home / "compiled"),
    }


@contextmanager
def serve(home: Path) -> Iterator[tuple[float, subprocess.Popen[bytes]]]:
    """Run the server until the block ends; gives how long it took until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "bugflow", "serve", "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=build_environment(home), stderr=subprocess.DEVNULL)  # noqa: S603 -- Ours.
    try:
        yield wait_until_ready(port, started), process
    finally:
        process.terminate()
        process.wait(60)


def measure_memory(server: int) -> list[tuple[str, float]]:
    """Return what a server and its children hold, in MB, counting shared pages once (PSS)."""
    children = [
        int(child)
        for task in Path(f"/proc/{server}/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]
    named = [("server", server), *((f"worker {number}", child) for number, child in enumerate(children, 1))]
    return [(name, read_memory(number)) for name, number in named]


def read_memory(process: int) -> float:
    """Return what a process holds, in MB."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    [kilobytes] = [int(line.split()[1]) for line in lines if line.startswith("Pss:")]
    return kilobytes / 1000


def run(home: Path, *arguments: str) -> float:
    """Return how long a command takes, in seconds."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "bugflow", *arguments]
    subprocess.run(command, env=build_environment(home), check=True, capture_output=True)  # noqa: S603 -- Ours.
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
