"""Exports that come in pieces: what is made of them does not depend on where the pieces end."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.choosing import BATCH_CHARACTERS, open_choice
from bugflow.tracker.imports.errors import ImportFileError, UnreadableFileError
from bugflow.tracker.imports.jira import read_jira
from bugflow.tracker.imports.records import NotCarried
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.imports.text_files import Opener, open_paths
from bugflow.tracker.issues.tables import Issue
from factories.exports import bugzilla_bug, github_comment, github_issue, jira_issue, jira_search, to_bytes

JIRA_TABLE = (
    'Issue key;Summary;Created\r\nROC-1;"Größe;\n0";2024-01-01\r\nROC-2;x"y;2024-01-01\r\nROC-3;\0Drei;2024-01-01\r\n'
)


def cut(content: bytes, size: int) -> Opener:
    return lambda: (content[start : start + size] for start in range(0, len(content), size))


def plan(database: Database, source: str, *files: bytes | Opener) -> dict[str, Any]:
    actor = build_system_actor("import")
    return run_import(database, source, files, project_key=None, dry_run=True, actor=actor).to_json()


def bugs_beside() -> tuple[bytes, ...]:
    bug = bugzilla_bug(12, dupe_of=13)
    parts = {name: bug.pop(name) for name in ("comments", "history")}
    comments = {"bugs": {"12": {"comments": parts["comments"]}, "99": {"comments": []}}, "comments": {}}
    history = {"bugs": [{"id": 12, "history": parts["history"]}]}
    return to_bytes(comments), to_bytes({"bugs": [bug, bugzilla_bug(13)]}), to_bytes(history)


EXPORTS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "answer": ("jira", (jira_search(jira_issue("ROC-1"), jira_issue("ROC-2", summary="Größe")),)),
    "pages": ("jira", (to_bytes([json.loads(jira_search(jira_issue(f"ROC-{number}"))) for number in (1, 2)]),)),
    "one issue": ("jira", (json.dumps(jira_issue(), indent=1).encode(),)),
    "lines": ("jira", (b"\n".join(to_bytes(jira_issue(f"ROC-{number}")) for number in (1, 2)),)),
    "marked": ("jira", (json.dumps(json.loads(jira_search(jira_issue()))).encode("utf-8-sig"),)),
    "two bytes": ("jira", (json.dumps([jira_issue(summary="Größe 😀")], ensure_ascii=False).encode("utf-16"),)),
    "Latin-1 at the end": ("jira", (jira_search(jira_issue())[:-1] + ', "note": "Größe"}'.encode("latin-1"),)),
    "table": ("jira", (JIRA_TABLE.encode("utf-8-sig"),)),
    "table of two bytes": ("jira", (JIRA_TABLE.encode("utf-16"),)),
    "comments first": ("github", (to_bytes({"7": [github_comment()]}), to_bytes([github_issue()]))),
    "comments flat": ("github", (to_bytes([github_issue()]), to_bytes([github_comment(), github_comment(9)]))),
    "a search": ("github", (to_bytes({"total_count": 2, "items": [github_issue(1), github_issue(2)]}),)),
    "bugs beside": ("bugzilla", bugs_beside()),
}


@pytest.mark.parametrize("name", EXPORTS)
def test_it_does_not_matter_where_the_pieces_of_a_file_end(database: Database, name: str) -> None:
    source, files = EXPORTS[name]
    whole = plan(database, source, *files)
    assert whole["new_issues"] >= 1
    for size in (1, 2, 7, 100):
        assert plan(database, source, *(cut(file, size) for file in files)) == whole


def test_the_last_record_of_an_issue_is_imported_at_the_place_of_its_first(database: Database) -> None:
    records = [jira_issue("ROC-2", summary="Early"), jira_issue("ROC-1"), jira_issue("ROC-2", summary="Late")]
    run_import(
        database, "jira", [jira_search(*records)], project_key=None, dry_run=False, actor=build_system_actor("import")
    )
    with database.snapshot() as session:
        found = session.execute(select(Issue.key, Issue.title).order_by(Issue.id)).all()
    assert [tuple(row) for row in found] == [("ROC-2", "Late"), ("ROC-1", "Engine stalls")]


def test_an_issue_of_github_may_have_its_labels_before_its_number(database: Database) -> None:
    record = github_issue()
    turned = {name: record[name] for name in ("labels", *(name for name in record if name != "labels"))}
    assert plan(database, "github", to_bytes(turned))["new_issues"] == 1


@pytest.mark.parametrize(
    ("source", "content"),
    [("jira", b'{"issues": [], "a": 1, "issues": []}'), ("bugzilla", b'{"bugs": [], "bugs": []}')],
)
def test_two_answers_in_one_object_are_refused_with_what_to_do(database: Database, source: str, content: bytes) -> None:
    with pytest.raises(ImportFileError, match="twice in one answer; export each answer into a file of its own"):
        plan(database, source, content)


@pytest.mark.parametrize(
    ("source", "content", "message"),
    [
        ("jira", b'{"issues": [\n  {"key": "A-1"},\n  {"key": tru}]}', r"line 3, column 11: Expecting value"),
        ("jira", b'[{"x": 1}, {"issues": [}]', r"line 1, column 24: Expecting value"),
        ("jira", jira_search(jira_issue())[:-2], r"Expecting ',' delimiter"),
        ("jira", jira_search(jira_issue()) + b"\n]", r"line 2 is not JSON that can be read"),
        ("bugzilla", b'{"bugs": {"1": {"comments": [}}}', r"line 1, column 30: Expecting value"),
        ("github", b'{"7": [{"a": 1} {}]}', r"line 1, column 17: Expecting ',' delimiter"),
        ("bugflow", b'[{"a": 1},\n}]', r"line 2, column 1: Expecting value"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_is_wrong_is_named_by_line_and_column(
    database: Database, source: str, content: bytes, message: str, size: int
) -> None:
    with pytest.raises(ImportFileError, match=message):
        plan(database, source, cut(content, size))


def test_a_mark_of_utf_8_does_not_make_a_table_of_json_whose_letters_are_cut() -> None:
    content = b"\xef\xbb\xbf[" + '"ü'.encode() * 1000
    for shift in (b"", b" ", b"  "):
        with pytest.raises(ImportFileError, match="it is not JSON"):
            list(read_jira([content[:3] + shift + content[3:]], NotCarried()))


def test_a_batch_of_large_issues_is_smaller() -> None:
    text = "x" * (BATCH_CHARACTERS // 3)
    content = jira_search(*(jira_issue(f"ROC-{number}", description=text) for number in range(5)))
    with open_choice() as issues:
        issues.choose(read_jira([content], NotCarried()), None, NotCarried())
        assert [(done, len(batch)) for done, batch in issues.batches()] == [(3, 3), (5, 2)]


def test_issues_of_which_one_has_links_come_alone_the_second_time() -> None:
    link = {"type": {"name": "Blocks"}, "outwardIssue": {"key": "ROC-1"}}
    with open_choice() as issues:
        records = (jira_issue("ROC-1"), jira_issue("ROC-2", issuelinks=[link]))
        issues.choose(read_jira([jira_search(*records)], NotCarried()), None, NotCarried())
        [(done, [linked])] = issues.batches(only_linked=True)
    assert (issues.count, done, linked.key) == (2, 1, "ROC-2")


def test_files_are_read_again_from_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(b"one" * 1_000_000)
    with open_paths([path]) as [opener]:
        pieces: Iterator[bytes] = iter(opener())
        assert len(next(pieces)) < 3_000_000
        assert b"".join(opener()) == b"".join(opener()) == path.read_bytes()


def test_what_comes_by_a_pipe_is_imported_though_it_comes_only_once(database: Database, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(pipe.write_bytes, jira_search(jira_issue()))
        with open_paths([pipe]) as files:
            assert plan(database, "jira", *files)["new_issues"] == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(UnreadableFileError, match=str(path)), open_paths([path]):
            pass
