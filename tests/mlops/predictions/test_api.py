"""`GET /api/v1/predictions`: the ledger, page by page, for those who manage models."""

from typing import Any

import pytest

from bugflow.mlops.predictions.service import record_entries
from bugflow.mlops.predictions.tables import Prediction
from factories.app import Installation
from factories.predictions import NOON, VERSION, build_entry

PATH = "/api/v1/predictions"


@pytest.fixture
def filled(installation: Installation) -> Installation:
    """Two issues of WEB, one of which is settled, a draft, and an issue of a private project."""
    body = {"key": "SEC", "name": "Secret", "visibility": "private"}
    installation.call("admin", "POST", "/api/v1/projects", json=body)
    numbers = {}
    for project in ("WEB", "SEC"):
        for title in ("One", "Two"):
            issue = {"project": project, "title": title}
            key = installation.call("admin", "POST", "/api/v1/issues", json=issue)["key"]
            numbers[key] = installation.call("admin", "GET", f"/api/v1/issues/{key}")["id"]
    with installation.database.transaction() as session:
        record_entries(session, [build_entry(1, issue_id=numbers["WEB-1"])])
        record_entries(session, [build_entry(1, issue_id=numbers["WEB-2"], field="team", label="Mobile", shown=False)])
        record_entries(session, [build_entry(1, draft_key="a", model_version=None, method="keyword")])
        record_entries(session, [build_entry(2, issue_id=numbers["SEC-1"], model_version="other")])
        row = session.get_one(Prediction, 1)
        row.truth, row.outcome, row.settled_by, row.settled_at = "low", "wrong", "tester", NOON
    return installation


def read(installation: Installation, role: str = "project_manager", **asked: Any) -> list[Any]:  # noqa: ANN401 -- Any parameter.
    query = "&".join(f"{name}={value}" for name, value in asked.items())
    return list(installation.call(role, "GET", f"{PATH}?{query}")["items"])


def test_a_row_is_told_whole(filled: Installation) -> None:
    [row] = read(filled, issue="WEB-1")
    assert row == {
        "id": 1,
        "project": "WEB",
        "issue": "WEB-1",
        "field": "severity",
        "label": "high",
        "probability": 0.8,
        "threshold": 0.7,
        "band": "sure",
        "method": "linear",
        "model_version": VERSION,
        "part": "champion",
        "shown": True,
        "latency_ms": 3.0,
        "created_at": "2026-01-05T12:00:00Z",
        "truth": "low",
        "outcome": "wrong",
        "settled_by": "tester",
        "settled_at": "2026-01-05T12:00:00Z",
    }


@pytest.mark.parametrize(
    ("asked", "issues"),
    [
        ({}, [None, "WEB-2", "WEB-1"]),
        ({"issue": "WEB-2"}, ["WEB-2"]),
        ({"field": "team"}, ["WEB-2"]),
        ({"version": VERSION}, ["WEB-2", "WEB-1"]),
        ({"version": "other"}, []),
        ({"outcome": "wrong"}, ["WEB-1"]),
        ({"outcome": "right"}, []),
        ({"outcome": "open"}, [None, "WEB-2"]),
        ({"shown": "true"}, [None, "WEB-1"]),
        ({"shown": "false", "field": "team"}, ["WEB-2"]),
    ],
)
def test_it_tells_what_is_asked_for_newest_first(
    filled: Installation, asked: dict[str, str], issues: list[str | None]
) -> None:
    assert [row["issue"] for row in read(filled, **asked)] == issues


def test_what_is_in_a_project_that_one_may_not_see_is_not_told(filled: Installation) -> None:
    assert {row["project"] for row in read(filled)} == {"WEB"}
    assert {row["project"] for row in read(filled, "admin")} == {"WEB", "SEC"}
    assert filled.refuse("project_manager", "GET", f"{PATH}?issue=SEC-1", 404)["detail"]


def test_it_is_read_page_by_page(filled: Installation) -> None:
    assert [row["id"] for row in filled.walk("admin", PATH, limit=1)] == [4, 3, 2, 1]
    filled.refuse("admin", "GET", f"{PATH}?cursor=nonsense", 422)


@pytest.mark.parametrize("role", ["tester", "developer"])
def test_who_does_not_manage_models_may_not_read_it(filled: Installation, role: str) -> None:
    filled.refuse(role, "GET", PATH, 403)
