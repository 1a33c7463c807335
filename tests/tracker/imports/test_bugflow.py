import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.exports.reading import Part, read_records
from bugflow.tracker.exports.writing import write_export
from bugflow.tracker.imports.bugflow import read_bugflow
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.records import NotCarried
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.search.language import parse_query

SYSTEM = build_system_actor("import")
OF_THE_INSTALLATION = {
    "id",
    "uuid",
    "project_id",
    "number",
    "version",
    "email",
    "sprint",
    "comment_count",
    "source_url",
}
"""What a copy has of its own, or what `issues` leaves out."""
PROJECTS = count(1)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 -- The zone is beside.
    lambda moment: moment.isoformat()
)
people = st.sampled_from("abc").map(lambda letter: {"id": letter, "name": f"Person {letter}"})
changes = st.fixed_dictionaries(
    {
        "at": moments,
        "actor": st.none() | people,
        "field": st.sampled_from(["status", "title"]),
        "old": st.none() | texts,
        "new": st.none() | texts,
    }
)


@st.composite
def comments(draw: st.DrawFn) -> dict[str, Any]:
    at = draw(moments)
    return {"author": draw(people), "body": draw(texts), "created_at": at, "updated_at": at}


@st.composite
def issues(draw: st.DrawFn) -> dict[str, Any]:
    """An issue as an export has it, but for its key and relations."""
    finished, at = draw(st.booleans()), draw(moments)
    return {
        "title": draw(texts.map(lambda text: " ".join(f"T{text}T".splitlines()))),
        "description": draw(texts),
        "stack_trace": draw(texts),
        "environment": draw(texts),
        "issue_type": draw(st.sampled_from(["bug", "story", "task"])),
        "status": "closed" if finished else "open",
        "resolution": draw(st.sampled_from(["fixed", "wontfix"])) if finished else None,
        "severity": draw(st.sampled_from([None, "low", "critical"])),
        "team": draw(st.sampled_from([None, "Backend"])),
        "component": draw(st.sampled_from([None, "Engine"])),
        "priority": draw(st.sampled_from([None, "lowest", "highest"])),
        "labels": sorted(draw(st.sets(st.text("xyz", min_size=1, max_size=3), max_size=3))),
        "reporter": draw(people),
        "assignee": draw(st.none() | people),
        "restricted": draw(st.booleans()),
        "due_on": draw(st.sampled_from([None, "2026-02-03"])),
        "story_points": draw(st.none() | st.integers(0, 100).map(float)),
        "estimated_hours": draw(st.none() | st.integers(0, 100).map(float)),
        "actual_hours": draw(st.none() | st.integers(0, 100).map(float)),
        "created_at": at,
        "updated_at": at,
        "resolved_at": at if finished else None,
        "closed_at": at if finished else None,
        "comments": draw(st.lists(comments(), max_size=3)),
        "history": draw(st.lists(changes, max_size=3)),
    }


def place(records: list[dict[str, Any]], project: str) -> None:
    for number, record in enumerate(records, start=1):
        record |= {"key": f"{project}-{number}", "project": project, "relations": []}
        if number > 1:
            record["relations"] = [{"kind": "blocks", "target": f"{project}-{number - 1}"}]


def to_lines(records: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def import_lines(database: Database, content: bytes) -> ImportReport:
    return run_import(database, "bugflow", [content], project_key=None, dry_run=False, actor=SYSTEM)


def export_lines(database: Database, project: str) -> bytes:
    parts = (Part.COMMENTS, Part.HISTORY, Part.RELATIONS)
    batches = read_records(database, SYSTEM, parse_query(f"project:{project}"), parts=parts)
    return "".join(write_export(batches, "jsonl")).encode()


def essence(value: Any, read_moment: Callable[[str], datetime] = datetime.fromisoformat) -> Any:  # noqa: ANN401 -- JSON.
    if isinstance(value, dict):
        kept = {name: essence(each) for name, each in value.items() if name not in OF_THE_INSTALLATION}
        kept |= {name: read_moment(each) for name, each in kept.items() if name.endswith(("_at", "at")) and each}
        return kept
    return [essence(each) for each in value] if isinstance(value, list) else value


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(records=st.lists(issues(), min_size=1, max_size=4))
def test_what_was_exported_comes_back_without_loss(database: Database, records: list[dict[str, Any]]) -> None:
    project = f"ROUND{next(PROJECTS)}"
    place(records, project)
    report = import_lines(database, to_lines(records))
    exported = export_lines(database, project)
    assert [essence(json.loads(line)) for line in exported.split(b"\n") if line] == [essence(each) for each in records]
    assert report.left.counts == {}


def test_importing_an_export_again_changes_nothing(database: Database) -> None:
    records = [{"title": "T", "created_at": "2026-01-01T00:00:00Z", "reporter": {"id": "a", "name": "A"}}] * 2
    records = [dict(record) for record in records]
    place(records, "AGAIN")
    assert import_lines(database, to_lines(records)).new_issues == 2
    again = import_lines(database, to_lines(records))
    assert (again.new_issues, again.unchanged_issues, again.new_relations, again.new_users) == (0, 2, 0, 0)


def test_characters_that_only_look_like_line_ends_end_no_record(database: Database) -> None:
    records = [
        {"title": "T", "created_at": "2026-01-01T00:00:00Z", "description": description}
        for description in ("a\u2028b", "a\x85b", "a\r\nb")
    ]
    place(records, "ENDS")
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    assert import_lines(database, content).new_issues == 3
    exported = [json.loads(line) for line in export_lines(database, "ENDS").split(b"\n") if line]
    assert [record["description"] for record in exported] == [record["description"] for record in records]


def test_a_restricted_issue_comes_back_restricted(database: Database) -> None:
    record = {"key": "R-1", "project": "RR", "title": "T", "created_at": "2026-01-01T00:00:00Z", "restricted": True}
    import_lines(database, to_lines([record | {"key": "RR-1"}]))
    assert json.loads(export_lines(database, "RR"))["restricted"] is True


@pytest.mark.parametrize("content", [b"7", b'{"a": 1}', b'[{"key": "A-1"}]', b"[" * 100_000, b"not json"])
def test_a_file_that_is_no_export_of_ours_is_refused(content: bytes) -> None:
    with pytest.raises(ImportFileError, match="BugFlow export"):
        list(read_bugflow([content], NotCarried()))
