from typing import Any

import pytest

from bugflow.tracker.search import board
from factories.app import Installation

BOARD = "/api/v1/board"


def report(installation: Installation, title: str, **fields: Any) -> int:  # noqa: ANN401 -- Any field.
    body = {"project": "WEB", "title": title, **fields}
    number: int = installation.call("project_manager", "POST", "/api/v1/issues", json=body)["id"]
    return number


def columns(installation: Installation, query: str = "", role: str = "developer") -> dict[str, Any]:
    return {column["status"]: column for column in installation.call(role, "GET", f"{BOARD}?{query}")}


def test_each_status_is_a_column_with_its_issues(installation: Installation) -> None:
    first, second = report(installation, "First"), report(installation, "Second")
    installation.call("project_manager", "PATCH", f"/api/v1/issues/{second}", json={"status": "in_progress"})
    found = columns(installation)
    assert list(found) == ["open", "in_progress", "resolved", "closed"]
    assert [issue["id"] for issue in found["open"]["issues"]] == [first]
    assert [issue["id"] for issue in found["in_progress"]["issues"]] == [second]
    assert (found["closed"]["count"], found["closed"]["issues"]) == (0, [])


def test_the_query_narrows_every_column(installation: Installation) -> None:
    report(installation, "Crash on start", severity="high")
    report(installation, "Typo", severity="low")
    found = columns(installation, "q=severity:high")
    assert [issue["title"] for issue in found["open"]["issues"]] == ["Crash on start"]
    assert [issue["title"] for issue in columns(installation, "q=crash")["open"]["issues"]] == ["Crash on start"]


def test_a_full_column_says_how_many_it_has_and_how_to_go_on(installation: Installation) -> None:
    for number in range(5):
        report(installation, f"Issue {number}")
    column = columns(installation, "limit=2")["open"]
    assert (column["count"], column["count_is_exact"], len(column["issues"])) == (5, True, 2)
    rest = installation.call(
        "developer", "GET", f"/api/v1/issues?q=status:open&limit=2&cursor={column['next_cursor']}"
    )["items"]
    assert not {issue["id"] for issue in rest} & {issue["id"] for issue in column["issues"]}


def test_counting_ends_where_it_would_be_slow(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "COUNTED", 3)
    for number in range(5):
        report(installation, f"Issue {number}")
    assert columns(installation, "limit=2")["open"]["count"] == 3


def test_what_one_may_not_see_is_neither_shown_nor_counted(installation: Installation) -> None:
    report(installation, "Everybody's")
    report(installation, "Secret", restricted=True)
    assert columns(installation, role="tester")["open"]["count"] == 1
    assert columns(installation, role="project_manager")["open"]["count"] == 2


@pytest.mark.parametrize("order", ["priority", "severity", "due"])
def test_pages_ordered_by_a_field_that_many_lack_have_no_gap_and_no_overlap(
    installation: Installation, order: str
) -> None:
    for number, fields in enumerate(
        (
            {},
            {"priority": "high", "severity": "low", "due_on": "2026-01-01"},
            {},
            {"priority": "low"},
            {"severity": "high"},
        )
    ):
        report(installation, f"Issue {number}", **fields)
    for direction in ("asc", "desc"):
        query = f"/api/v1/issues?q=sort:{order}-{direction}"
        whole = [issue["id"] for issue in installation.call("developer", "GET", query)["items"]]
        walked = [issue["id"] for issue in installation.walk("developer", query, limit=2)]
        assert walked == whole
        assert len(whole) == 5
