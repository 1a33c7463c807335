"""Measure importing: python benchmarks/tracker/imports.py --help.

Writes an export of a tracker's issues with three comments each, and imports it into a new database, each run in a
process of its own so that its peak memory and CPU time are its own.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bugflow.core.database import open_database
from bugflow.migrations import upgrade_schema
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.running import run_import

ISSUES, COMMENTS, RUNS, PEOPLE = 20_000, 3, 3, 200
TARGET_PER_SECOND = 1_000
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
WORDS = (
    *("crash", "freeze", "timeout", "layout", "button", "login", "upload", "search", "cache", "thread", "null"),
    *("pointer", "index", "overflow", "render", "scroll", "network", "retry", "session", "token", "cookie", "parser"),
    *("encoding", "locale", "database", "query", "lock", "memory", "leak", "driver", "kernel", "page"),
)


def main() -> None:
    """Generate, import several times, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--issues", type=int, default=ISSUES)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--out", type=Path, help="Write the table to this file, too.")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(import_once(arguments.once)))
        return
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.json"
        write_export(export, arguments.issues)
        size = export.stat().st_size
        runs = [run_apart(export) for _ in range(arguments.runs)]
    report = describe(runs, size)
    print(report)
    if arguments.out:
        arguments.out.write_text(report, encoding="utf-8")


def write_export(path: Path, issues: int) -> None:
    """Write an answer of Jira's search; the same number gives the same file."""
    chance = random.Random(7)
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"issues": [\n')
        for number in range(1, issues + 1):
            stream.write((",\n" if number > 1 else "") + json.dumps(build_issue(chance, number)))
        stream.write("\n]}\n")


def build_issue(chance: random.Random, number: int) -> dict[str, Any]:
    """Return an issue with comments, a label, a component and, for every tenth, a link to an earlier one."""
    created = BEGINNING + timedelta(minutes=number)
    links = [{"type": {"name": "Relates"}, "outwardIssue": {"key": f"BENCH-{max(1, number - 5)}"}}]
    return {
        "key": f"BENCH-{number}",
        "fields": {
            "summary": " ".join(chance.choices(WORDS, k=8)),
            "description": " ".join(chance.choices(WORDS, k=80)),
            "project": {"key": "BENCH", "name": "Benchmark"},
            "issuetype": {"name": "Bug"},
            "status": {"name": chance.choice(("Open", "In Progress", "Closed"))},
            "priority": {"name": chance.choice(("Major", "Minor", "Blocker"))},
            "reporter": build_person(chance),
            "assignee": build_person(chance),
            "created": created.isoformat(),
            "updated": created.isoformat(),
            "components": [{"name": chance.choice(WORDS)}],
            "labels": [chance.choice(WORDS)],
            "issuelinks": links if number % 10 == 0 else [],
            "comment": {"comments": list(build_comments(chance, number, created))},
        },
    }


def build_comments(chance: random.Random, number: int, created: datetime) -> Iterator[dict[str, Any]]:
    """Yield the comments of an issue."""
    for position in range(COMMENTS):
        yield {
            "id": f"{number}-{position}",
            "author": build_person(chance),
            "body": " ".join(chance.choices(WORDS, k=40)),
            "created": (created + timedelta(hours=position)).isoformat(),
        }


def build_person(chance: random.Random) -> dict[str, str]:
    """Return one of the people of the tracker."""
    name = f"person-{chance.randrange(PEOPLE)}"
    return {"name": name, "displayName": name}


def run_apart(export: Path) -> dict[str, float]:
    """Import into a new database, in a new process."""
    command = [sys.executable, __file__, "--once", str(export)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 -- Our own command.
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def import_once(export: Path) -> dict[str, float]:
    """Import, and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/bugflow.db")
        upgrade_schema(database)
        started, used = time.perf_counter(), time.process_time()
        actor = build_system_actor("import")
        report = run_import(database, "jira", [export.read_bytes()], project_key=None, dry_run=False, actor=actor)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
        database.dispose()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return {"issues": report.new_issues, "seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_mb}


def describe(runs: list[dict[str, float]], size: int) -> str:
    """Return the table."""
    issues = int(runs[0]["issues"])
    seconds, cpu = [run["seconds"] for run in runs], [run["cpu_seconds"] for run in runs]
    rows = (
        ("issues a second, median", f"{issues / statistics.median(seconds):,.0f}", f"≥ {TARGET_PER_SECOND:,}"),
        ("issues a second, best", f"{issues / min(seconds):,.0f}", ""),
        ("issues a second of CPU time, median", f"{issues / statistics.median(cpu):,.0f}", ""),
        ("peak memory", f"{max(run['peak_mb'] for run in runs):.0f} MB", ""),
    )
    title = f"Imported: {issues:,} issues, {COMMENTS} comments each, {size / 1e6:.0f} MB of JSON, {len(runs)} runs.\n\n"
    table = "".join(f"| {what} | {value} | {target} |\n" for what, value, target in rows)
    return f"{title}| What | Measured | Target |\n|---|---|---|\n{table}"


if __name__ == "__main__":
    main()
