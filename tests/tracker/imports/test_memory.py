"""Imports of large files in a process of its own: its memory does not grow with them, and no file stays behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bugflow.core.database import open_database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.imports.text_files import Opener
from factories.exports import bugzilla_bug, github_comment, github_issue, jira_issue
from factories.runners import wait_until

EXPORT_BYTES, MOST_GROWTH_BYTES, PIECE_BYTES = 60_000_000, 80_000_000, 500_000
TEXT = "x" * 14_000
CODE = f"{{code}}{TEXT}{{code}}"
STATUS = Path("/proc/self/status")


def read_in_turn(beginning: str, build: Callable[[int], str], separator: str, end: str, size: int) -> Opener:
    """Return how to read a file of so many bytes, which never exists as a whole."""

    def pieces() -> Iterator[bytes]:
        written, piece = 0, beginning
        for number in count(1):
            piece += (separator if number > 1 else "") + build(number)
            if len(piece) > PIECE_BYTES:
                yield piece.encode()
                written, piece = written + len(piece), ""
                if written > size:
                    break
        yield end.encode()

    return pieces


def objects(opening: str, build: Callable[[int], dict[str, Any]], closing: str, size: int = EXPORT_BYTES) -> Opener:
    return read_in_turn(opening, lambda number: json.dumps(build(number)), ",\n", closing, size)


def build_bug(number: int) -> dict[str, Any]:
    return {name: value for name, value in bugzilla_bug(number).items() if name not in {"comments", "history"}}


def build_discussion(number: int) -> str:
    comment = {"id": number, "count": 0, "text": TEXT, "creator": "a@example.org", "time": "2024-01-01T00:00:00Z"}
    return f'"{number}": ' + json.dumps({"comments": [comment]})


EXPORTS: dict[str, tuple[str, Callable[[], list[Opener]]]] = {
    "an answer of Jira": (
        "jira",
        lambda: [objects('{"issues": [', lambda number: jira_issue(f"ROC-{number}", description=CODE), "]}")],
    ),
    "a table of Jira": (
        "jira",
        lambda: [
            read_in_turn(
                "Issue key,Summary,Created,Description\n",
                lambda number: f'ROC-{number},It stalls,2024-01-01,"{CODE}"\n',
                "",
                "",
                EXPORT_BYTES,
            )
        ],
    ),
    "comments of GitHub before their issues": (
        "github",
        lambda: [
            objects("[", lambda number: github_comment(number, number, TEXT), "]"),
            objects("[", github_issue, "]", 2_000_000),
        ],
    ),
    "comments of Bugzilla before their bugs": (
        "bugzilla",
        lambda: [
            read_in_turn('{"bugs": {', build_discussion, ",", "}}", EXPORT_BYTES),
            objects('{"bugs": [', build_bug, "]}", 1_000_000),
        ],
    ),
    "lines of BugFlow": (
        "bugflow",
        lambda: [
            read_in_turn(
                "",
                lambda number: json.dumps(
                    {"key": f"B-{number}", "title": "T", "created_at": "2024-01-01T00:00:00Z", "description": TEXT}
                ),
                "\n",
                "\n",
                EXPORT_BYTES,
            )
        ],
    ),
}


def main(name: str, database_url: str) -> None:
    """Plan an import, and print how many issues there were and how many bytes of memory it took."""
    database = open_database(database_url)
    source, build_files = EXPORTS[name]
    before = peak_memory_bytes()
    actor = build_system_actor("import")
    report = run_import(database, source, build_files(), project_key=None, dry_run=True, actor=actor)
    growth = peak_memory_bytes() - before
    database.dispose()
    print(json.dumps({"new_issues": report.new_issues, "growth_bytes": growth}))  # noqa: T201 -- For the test.


def peak_memory_bytes() -> int:
    """Return the most memory this process had; `ru_maxrss` would tell that of the process it came from, too."""
    [line] = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def build_command(name: str, database_url: str) -> list[str]:
    return [sys.executable, __file__, name, database_url]


def environment(temporary: Path) -> dict[str, str]:
    temporary.mkdir()
    tests = str(Path(__file__).parents[2])
    return os.environ | {"PYTHONPATH": tests, "SQLITE_TMPDIR": str(temporary), "TMPDIR": str(temporary)}


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells how much memory a process had")
@pytest.mark.parametrize("name", EXPORTS)
def test_the_memory_of_an_import_does_not_grow_with_its_files(database_url: str, tmp_path: Path, name: str) -> None:
    command = build_command(name, database_url)
    done = subprocess.run(command, env=environment(tmp_path / "tmp"), check=True, capture_output=True, text=True)  # noqa: S603 -- Ours.
    told = json.loads(done.stdout)
    assert told["new_issues"] > 1000
    assert told["growth_bytes"] < MOST_GROWTH_BYTES


def test_a_killed_import_leaves_no_file_behind(database_url: str, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    killed = subprocess.Popen(build_command("an answer of Jira", database_url), env=environment(temporary))  # noqa: S603 -- Ours.
    try:
        opened = Path(f"/proc/{killed.pid}/fd")
        wait_until(lambda: any(str(temporary) in os.path.realpath(file) for file in list(opened.iterdir())))
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert list(temporary.iterdir()) == []


if __name__ == "__main__":
    main(*sys.argv[1:])
