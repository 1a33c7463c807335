"""Measure importing: python benchmarks/tracker/imports.py --help.

Writes an export of a tracker's issues with three comments each, or repeats the issues of a real one under new keys
until it is as large as wanted, and imports it into a new database, each run in a process of its own so that its peak
memory and CPU time are its own.
"""

import argparse
import itertools
import json
import random
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
from bugflow.tracker.imports.text_files import open_paths

ISSUES, COMMENTS, RUNS, PEOPLE = 20_000, 3, 3, 200
TARGET_PER_SECOND, TARGET_GROWTH_MB = 1_000, 300
MEGABYTES = 1_000
KEYS_APART = 1_000_000
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
    parser.add_argument("--like", type=Path, help="Repeat the issues of this answer of Jira's search.")
    parser.add_argument("--megabytes", type=int, default=MEGABYTES, help="With --like: so large.")
    parser.add_argument("--out", type=Path, help="Write the table to this file, too.")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(import_once(arguments.once)))
        return
    with tempfile.TemporaryDirectory() as folder:
        export = Path(folder) / "export.json"
        if arguments.like:
            repeat_export(export, arguments.like, arguments.megabytes)
        else:
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


def repeat_export(path: Path, like: Path, megabytes: int) -> None:
    """Write the issues of an answer of Jira's search again and again, each time under keys of their own."""
    issues = json.loads(like.read_bytes())["issues"]
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"issues": [\n')
        for number in itertools.count():
            issue = issues[number % len(issues)]
            project, _, last = issue["key"].rpartition("-")
            key = f"{project}-{int(last) + number // len(issues) * KEYS_APART}" if project else issue["key"]
            stream.write((",\n" if number else "") + json.dumps(issue | {"key": key}))
            if stream.tell() > megabytes * 1_000_000:
                break
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
        before_mb = peak_memory_mb()
        started, used = time.perf_counter(), time.process_time()
        actor = build_system_actor("import")
        with open_paths([export]) as files:
            report = run_import(database, "jira", files, project_key=None, dry_run=False, actor=actor)
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
        database.dispose()
    peak_mb = peak_memory_mb()
    measured = {"issues": report.new_issues, "comments": report.new_comments, "seconds": seconds}
    return measured | {"cpu_seconds": cpu_seconds, "peak_mb": peak_mb, "growth_mb": peak_mb - before_mb}


def peak_memory_mb() -> float:
    """Return the most memory that this process has had; `ru_maxrss` would count in the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def describe(runs: list[dict[str, float]], size: int) -> str:
    """Return the table."""
    issues = int(runs[0]["issues"])
    seconds, cpu = [run["seconds"] for run in runs], [run["cpu_seconds"] for run in runs]
    rows = (
        ("issues a second, median", f"{issues / statistics.median(seconds):,.0f}", f"≥ {TARGET_PER_SECOND:,}"),
        ("issues a second, best", f"{issues / min(seconds):,.0f}", ""),
        ("issues a second of CPU time, median", f"{issues / statistics.median(cpu):,.0f}", ""),
        ("peak memory", f"{max(run['peak_mb'] for run in runs):.0f} MB", ""),
        (
            "of it more than before the import",
            f"{max(run['growth_mb'] for run in runs):.0f} MB",
            f"< {TARGET_GROWTH_MB} MB",
        ),
    )
    comments = runs[0]["comments"] / (issues or 1)
    title = (
        f"Imported: {issues:,} issues, {comments:.1f} comments each, {size / 1e6:.0f} MB of JSON, {len(runs)} runs.\n\n"
    )
    table = "".join(f"| {what} | {value} | {target} |\n" for what, value, target in rows)
    return f"{title}| What | Measured | Target |\n|---|---|---|\n{table}"


if __name__ == "__main__":
    main()
