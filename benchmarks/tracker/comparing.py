"""Compare two checkouts on the same machine: python benchmarks/tracker/comparing.py --help.

Both are served in turn, several times, so that a machine that is slow for a while is slow for both. Each has a database
of its own, built by its own code.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
ASKED = ("page: list", "page: filter", "page: search", "page: issue", "issue", "board", "create")


def main() -> None:
    """Measure both in turn and print a table, or with `--one` measure the code that is imported and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--old", type=Path, help="The other checkout, for example of `git worktree add`.")
    parser.add_argument("--home", type=Path, default=Path("/tmp/bugflow-comparison"))  # noqa: S108 -- Reused on purpose.
    parser.add_argument("--issues", type=int, default=100_000)
    parser.add_argument("--comments", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure_one(arguments)))
        return
    checkouts = {"old": arguments.old.resolve(), "new": HERE.parents[2]}
    taken: dict[str, list[dict[str, list[float]]]] = {"old": [], "new": []}
    for _ in range(arguments.rounds):
        for name, checkout in checkouts.items():
            taken[name].append(run_one(checkout, arguments.home / name))
    print("\n".join(describe(taken)))


def run_one(checkout: Path, home: Path) -> dict[str, list[float]]:
    """Measure a checkout in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    command = [sys.executable, str(HERE), *sys.argv[1:], "--one", "--home", str(home)]
    answer = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)  # noqa: S603 -- Ours.
    measured: dict[str, list[float]] = json.loads(answer.stdout.splitlines()[-1])
    return measured


def measure_one(arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Return the median and the 95th percentile in milliseconds of each request, and the seconds until ready."""
    from asking import Client, measure  # noqa: PLC0415 -- Only the measured process loads what is measured.
    from building import Size  # noqa: PLC0415 -- The same.
    from serving import build_requests, prepare, serve, sign_in  # noqa: PLC0415 -- The same.

    size = Size(arguments.issues, arguments.comments)
    prepare(arguments.home, size)
    with serve(arguments.home) as (port, ready_seconds):
        client, requests = Client(port, sign_in(port)), build_requests(size)
        times = [measure(name, client, requests[name], repeats=arguments.repeats) for name in ASKED]
    return {each.name: [each.p50, each.p95] for each in times} | {"ready, seconds": [ready_seconds, ready_seconds]}


def describe(taken: dict[str, list[dict[str, list[float]]]]) -> list[str]:
    """Return a table of the medians over the rounds."""
    lines = ["| One client | old p50/p95 ms | new p50/p95 ms | p50 times faster |", "|---|---|---|---|"]
    for name in taken["new"][0]:
        old, new = ([statistics.median(one[name][which] for one in taken[side]) for which in (0, 1)] for side in taken)
        lines.append(f"| {name} | {old[0]:.1f}/{old[1]:.1f} | {new[0]:.1f}/{new[1]:.1f} | {old[0] / new[0]:.2f} |")
    return lines


if __name__ == "__main__":
    main()
