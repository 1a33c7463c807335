import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.bugzilla import read_bugzilla
from bugflow.tracker.imports.csv_tables import read_moment
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.jira import read_jira
from bugflow.tracker.imports.records import ImportedLink, NotCarried
from bugflow.tracker.imports.running import run_import
from factories.exports import bugzilla_bug, to_bytes

JIRA_COLUMNS = (
    *("Summary", "Issue key", "Issue Type", "Status", "Project key", "Project name", "Priority", "Resolution"),
    *("Assignee", "Reporter", "Created", "Updated", "Resolved", "Component/s", "Labels", "Labels", "Description"),
    *("Comment", "Comment", "Outward issue link (Blocks)", "Custom field (Story Points)", "Custom field (Colour)"),
)
JIRA_ROW = (
    *('He said "no";\nthen left', "ROC-5", "Bug", "Resolved", "ROC", "Rocket", "Major", "Fixed"),
    *("eva", "tom@example.com", "15/Jan/24 3:45 PM", "16/Jan/24 9:00 AM", "16/Jan/24 9:00 AM", "Engine", "a", "b c"),
    *("{code}x{code}", "15/Jan/24 4:00 PM;eva;Seen; twice.", "no head at all", "ROC-6", "3", "red"),
)


def table(*rows: tuple[str, ...], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter).writerows(rows)
    return written.getvalue().encode(encoding)


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), (",", "latin-1")]
)
def test_a_jira_table_is_read_whatever_wrote_it(delimiter: str, encoding: str) -> None:
    left = NotCarried()
    [issue] = read_jira([table(JIRA_COLUMNS, JIRA_ROW, delimiter=delimiter, encoding=encoding)], left)
    assert (issue.key, issue.status, issue.resolution, issue.priority, issue.component, issue.story_points) == (
        *("ROC-5", "resolved", "fixed", "high", "Engine", 3.0),
    )
    assert issue.title == 'He said "no";\nthen left'
    assert issue.created_at == datetime(2024, 1, 15, 15, 45, tzinfo=UTC)
    assert issue.labels == ("a", "b", "c")
    assert [(each.author.login, each.body) for each in issue.comments] == [
        ("eva", "Seen; twice."),
        ("anonymous", "no head at all"),
    ]
    assert issue.links == (ImportedLink("blocks", "ROC-6"),)
    assert left.counts == {"column 'custom field (colour)'": 1}


def test_broken_rows_are_named_by_their_line_and_the_rest_is_read() -> None:
    left = NotCarried()
    rows = (JIRA_COLUMNS, (*JIRA_ROW, "one", "more"), JIRA_ROW[:11], ("", "", ""), ("no key",))
    assert [issue.key for issue in read_jira([table(*rows)], left)] == ["ROC-5"]
    assert left.examples["rows with more cells than columns"] == ["line 3"]
    assert left.counts["records that are no issues (no key, summary or creation date)"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "lacks the column 'Issue key'"),
        (b"a,b\n1,2\n", "lacks the column 'Issue key'"),
        (b"\x89PNG\r\n\x1a\n\0\0", "lacks the column"),
        (b'"Issue key,Summary,Created\n', "its first line is no CSV"),
    ],
)
def test_what_is_no_table_is_refused_with_the_reason(content: bytes, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        list(read_jira([content], NotCarried()))


def test_a_bugzilla_list_is_read_with_long_and_short_column_names() -> None:
    left = NotCarried()
    long = table(
        (
            "bug_id",
            "short_desc",
            "product",
            "component",
            "bug_status",
            "resolution",
            "opendate",
            "changeddate",
            "bug_severity",
        ),
        (
            "7",
            "It crashes",
            "Core",
            "Parser",
            "RESOLVED",
            "WONTFIX",
            "2024-01-15 10:33:21",
            "2024-02-01 00:00:00",
            "critical",
        ),
    )
    short = table(
        ("Bug ID", "Summary", "Product", "Assignee", "Status", "Changed", "Votes", "Crash Signature"),
        ("8", "It is slow", "Core", "eva@example.com", "NEW", "2024-01-20", "0", "[@ boom ]"),
    )
    seven, eight = read_bugzilla([long, short], left)
    assert (seven.source_id, seven.status, seven.resolution, seven.severity, seven.component) == (
        *("7", "resolved", "wontfix", "critical", "Parser"),
    )
    assert seven.created_at == datetime(2024, 1, 15, 10, 33, 21, tzinfo=UTC)
    assert eight.assignee is not None
    assert eight.assignee.email == "eva@example.com"
    assert eight.created_at == datetime(2024, 1, 20, tzinfo=UTC)
    assert set(left.counts) == {
        "opening dates (the list has none; the last change stands in)",
        "column 'crash signature'",
    }


def test_bugzillas_comments_and_history_may_lie_in_files_of_their_own() -> None:
    bug = bugzilla_bug()
    number = bug["id"]
    for field in ("comments", "history"):
        bug.pop(field, None)
    comments = {
        "bugs": {
            str(number): {
                "comments": [
                    {
                        "id": 1,
                        "count": 0,
                        "text": "The description.",
                        "creator": "a@example.com",
                        "time": "2024-01-01T00:00:00Z",
                    },
                    {
                        "id": 2,
                        "count": 1,
                        "text": "Me too.",
                        "creator": "b@example.com",
                        "time": "2024-01-02T00:00:00Z",
                    },
                ]
            },
            "999": {"comments": []},
        }
    }
    changes = [{"field_name": "priority", "removed": "P3", "added": "P1"}]
    history = {
        "bugs": [
            {"id": number, "history": [{"when": "2024-01-03T00:00:00Z", "who": "a@example.com", "changes": changes}]}
        ]
    }
    left = NotCarried()
    [issue] = read_bugzilla([to_bytes(comments), to_bytes({"bugs": [bug]}), to_bytes(history)], left)
    assert issue.description == "The description."
    assert [comment.body for comment in issue.comments] == ["Me too."]
    assert [(change.field, change.new) for change in issue.changes] == [("priority", "P1")]
    assert left.examples["comments and history of bugs that are in no file"] == ["999"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-15T10:00:00.000+0100", "2024-01-15T10:00:00+01:00"),
        ("2024-01-15 10:00", "2024-01-15T10:00:00"),
        ("15/Jan/24 3:45 PM", "2024-01-15T15:45:00+00:00"),
        ("15/Jan/24  3:45 PM", "2024-01-15T15:45:00+00:00"),
        ("15.01.2024 15:45", "2024-01-15T15:45:00+00:00"),
        ("01/15/2024", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_moments_are_read_in_the_forms_that_trackers_write(text: str, moment: str | None) -> None:
    assert read_moment(text) == moment


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for reader in (read_jira, read_bugzilla):
        try:
            list(reader([content], NotCarried()))
        except ImportFileError as error:
            assert str(error)  # noqa: PT017 -- Either outcome is right.


@given(st.lists(st.lists(st.text(max_size=20), max_size=8), max_size=6))
def test_any_table_under_the_right_columns_is_read(rows: list[list[str]]) -> None:
    content = table(("Issue key", "Summary", "Created", "Comment"), *map(tuple, rows))
    try:
        list(read_jira([content], NotCarried()))
    except ImportFileError as error:
        assert "no CSV from line" in str(error)  # noqa: PT017 -- A lone quotation mark.


def test_a_table_is_imported_and_the_second_time_changes_nothing(database: Database, tmp_path: Path) -> None:
    content = table(JIRA_COLUMNS, JIRA_ROW)
    assert tmp_path.exists()
    reports = [
        run_import(
            database, "jira", [content], project_key=None, dry_run=dry_run, actor=build_system_actor("import")
        ).to_json()
        for dry_run in (True, False, False)
    ]
    assert [report["new_issues"] for report in reports] == [1, 1, 0]
    assert [report["new_comments"] for report in reports] == [2, 2, 0]
    assert reports[2]["unchanged_issues"] == 1
