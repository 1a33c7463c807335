"""The documented calls that need no model, exactly as written: paths, fields, meanings and refusals."""

from itertools import product
from typing import Any

import pytest

from factories.app import PASSWORD, Installation

REPORT = {
    "description": "The login button crashes the app.",
    "project": "WebApp",
    "severity": "high",
    "team": "Frontend",
}


def report(installation: Installation, **fields: object) -> int:
    answer: dict[str, Any] = installation.call("tester", "POST", "/report_bug", json=REPORT | fields)
    return int(answer["id"])


@pytest.mark.parametrize("role", ["tester", "developer", "project_manager", "admin"])
def test_token_answers_a_bearer_token_to_json_and_to_a_form(installation: Installation, role: str) -> None:
    credentials = {"username": f"{role}@example.com", "password": PASSWORD}
    by_json = installation.client.post("/token", json=credentials)
    by_form = installation.client.post("/token", data=credentials)
    by_oauth2_form = installation.client.post("/token", data=credentials | {"grant_type": "password", "scope": ""})
    for answer in (by_json, by_form, by_oauth2_form):
        assert answer.status_code == 200
        assert answer.json()["token_type"] == "bearer"
        assert answer.json()["access_token"].count(".") == 2


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"json": {"username": "tester@example.com", "password": "wrong"}}, 401),
        ({"json": {"username": "nobody@example.com", "password": PASSWORD}}, 401),
        ({"data": {"username": "tester@example.com", "password": "wrong"}}, 401),
        ({"json": {"username": "tester@example.com"}}, 422),
        ({"data": {"password": PASSWORD}}, 422),
        ({"json": {"username": 7, "password": PASSWORD}}, 422),
    ],
)
def test_token_refuses_what_is_wrong(installation: Installation, arguments: dict[str, Any], status: int) -> None:
    answer = installation.client.post("/token", **arguments)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("role", ["tester", "developer", "project_manager", "admin"])
def test_report_bug_answers_the_new_number_to_every_role(installation: Installation, role: str) -> None:
    answer = installation.call(role, "POST", "/report_bug", json=REPORT | {"assigned_to_id": 2})
    assert (answer["id"], answer["message"]) == (1, "Bug reported")
    bug = installation.call(role, "GET", f"/api/v1/issues/{answer['id']}")
    assert (bug["description"], bug["severity"], bug["team"]) == (REPORT["description"], "high", "Frontend")
    assert (bug["status"], bug["issue_type"], bug["assignee"]["number"]) == ("open", "bug", 2)


def test_report_bug_knows_the_documented_severities_and_teams(installation: Installation) -> None:
    for severity, team in product(("low", "medium", "high", "critical"), ("Backend", "Frontend", "Mobile", "DevOps")):
        bug = installation.call("tester", "GET", f"/api/v1/issues/{report(installation, severity=severity, team=team)}")
        assert (bug["severity"], bug["team"]) == (severity, team)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"description": ""}, 422),
        ({"description": None}, 422),
        ({"severity": "catastrophic"}, 422),
        ({"team": "Sales"}, 422),
        ({"project": "Nowhere"}, 404),
        ({"assigned_to_id": 999}, 422),
        ({"assigned_to_id": "somebody"}, 422),
    ],
)
def test_report_bug_refuses_what_is_not_known(
    installation: Installation, fields: dict[str, object], status: int
) -> None:
    installation.refuse("tester", "POST", "/report_bug", status, json=REPORT | fields)


def test_update_bug_moves_a_bug_on(installation: Installation) -> None:
    bug = report(installation, assigned_to_id=2)
    for status in ("in_progress", "resolved"):
        answer = installation.call("developer", "POST", "/update_bug", json={"bug_id": bug, "status": status})
        assert answer == {"message": "Bug updated", "feedback_count": 0}
        assert installation.call("tester", "GET", f"/api/v1/issues/{bug}")["status"] == status


@pytest.mark.parametrize("role", ["project_manager", "admin"])
def test_update_bug_records_the_corrections_of_managers(installation: Installation, role: str) -> None:
    bug = report(installation)
    body = {"bug_id": bug, "status": "in_progress", "correction_severity": "low", "correction_team": "Mobile"}
    answer = installation.call(role, "POST", "/update_bug", json=body)
    assert answer == {"message": "Bug updated (AI Feedback Recorded)", "feedback_count": 2}
    read = installation.call("tester", "GET", f"/api/v1/issues/{bug}")
    assert (read["status"], read["severity"], read["team"]) == ("in_progress", "low", "Mobile")


@pytest.mark.parametrize("role", ["tester", "developer"])
def test_update_bug_takes_no_corrections_of_others(installation: Installation, role: str) -> None:
    bug = report(installation)
    installation.refuse(role, "POST", "/update_bug", 403, json={"bug_id": bug, "correction_severity": "low"})
    assert installation.call("tester", "GET", f"/api/v1/issues/{bug}")["severity"] == "high"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": "resolved"}, 422),
        ({"bug_id": 1}, 422),
        ({"bug_id": 1, "status": "done"}, 422),
        ({"bug_id": 999, "status": "resolved"}, 404),
        ({"bug_id": 1, "correction_team": "Sales"}, 422),
    ],
)
def test_update_bug_refuses_what_is_not_known(installation: Installation, body: dict[str, object], status: int) -> None:
    report(installation)
    installation.refuse("project_manager", "POST", "/update_bug", status, json=body)


def test_a_status_that_cannot_follow_is_a_conflict(installation: Installation) -> None:
    bug = report(installation)
    installation.call("project_manager", "POST", "/update_bug", json={"bug_id": bug, "status": "closed"})
    body = {"bug_id": bug, "status": "in_progress"}
    installation.refuse("project_manager", "POST", "/update_bug", 409, json=body)


@pytest.mark.parametrize("path", ["/report_bug", "/update_bug"])
def test_without_a_token_nothing_is_done(installation: Installation, path: str) -> None:
    answer = installation.client.post(path, json=REPORT | {"bug_id": 1, "status": "resolved"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_health_needs_no_token(installation: Installation) -> None:
    answer = installation.client.get("/health")
    assert answer.status_code == 200
    assert {"status": "ok", "service": "trainer"}.items() <= answer.json().items()
