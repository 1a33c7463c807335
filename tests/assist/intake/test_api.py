import pytest

from factories.app import Installation

BUG = {"description": "It breaks.", "project": "WEB"}


def test_a_tester_may_not_correct(installation: Installation) -> None:
    bug = installation.call("tester", "POST", "/report_bug", json=BUG)["id"]
    body = {"bug_id": bug, "correction_severity": "low"}
    problem = installation.refuse("tester", "POST", "/update_bug", 403, json=body)
    assert "project_manager" in problem["detail"]
    assert installation.call("tester", "GET", f"/api/v1/issues/{bug}")["severity"] is None


def test_a_developer_may_not_move_somebody_elses_bug(installation: Installation) -> None:
    bug = installation.call("tester", "POST", "/report_bug", json=BUG | {"assigned_to_id": 3})["id"]
    installation.refuse("developer", "POST", "/update_bug", 403, json={"bug_id": bug, "status": "resolved"})


def test_beginning_an_unassigned_bug_takes_it(installation: Installation) -> None:
    bug = installation.call("tester", "POST", "/report_bug", json=BUG)["id"]
    installation.call("developer", "POST", "/update_bug", json={"bug_id": bug, "status": "in_progress"})
    assert installation.call("developer", "GET", f"/api/v1/issues/{bug}")["assignee"]["name"] == "Developer"


def test_confirming_a_value_is_feedback_too(installation: Installation) -> None:
    bug = installation.call("tester", "POST", "/report_bug", json=BUG | {"severity": "low"})["id"]
    body = {"bug_id": bug, "correction_severity": "low"}
    assert installation.call("project_manager", "POST", "/update_bug", json=body)["feedback_count"] == 1


def test_a_refused_update_records_no_correction(installation: Installation) -> None:
    bug = installation.call("tester", "POST", "/report_bug", json=BUG)["id"]
    body = {"bug_id": bug, "correction_severity": "high", "correction_team": "Nobody"}
    problem = installation.refuse("project_manager", "POST", "/update_bug", 422, json=body)
    assert problem["errors"][0]["field"] == "team"
    assert "DevOps" in problem["detail"]
    confirmed = {"bug_id": bug, "correction_severity": "high"}
    assert installation.call("project_manager", "POST", "/update_bug", json=confirmed)["feedback_count"] == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"description": "x", "project": "NOPE"}, 404),
        ({"description": "", "project": "WEB"}, 422),
        ({"description": "   ", "project": "WEB"}, 422),
        ({"project": "WEB"}, 422),
        ({"description": "x", "project": "WEB", "severity": "fatal"}, 422),
        ({"description": "x", "project": "WEB", "assigned_to_id": 4711}, 422),
        ({"description": "a\u0000b", "project": "WEB"}, 422),
        ({"description": ["x"], "project": "WEB"}, 422),
    ],
)
def test_a_report_that_cannot_be_kept_is_refused_with_a_reason(
    installation: Installation, body: dict[str, object], status: int
) -> None:
    assert installation.refuse("tester", "POST", "/report_bug", status, json=body)["detail"]


@pytest.mark.parametrize("bug", [999999, "WEB-999", 2**40, -1, "' OR 1=1 --"])
def test_an_unknown_bug_is_not_found(installation: Installation, bug: object) -> None:
    installation.refuse("project_manager", "POST", "/update_bug", 404, json={"bug_id": bug, "status": "resolved"})


def test_a_bug_can_be_named_by_number_key_and_uuid(installation: Installation) -> None:
    reported = installation.call("tester", "POST", "/report_bug", json=BUG)
    for name in (reported["id"], str(reported["id"]), reported["key"], reported["uuid"], reported["key"].lower()):
        body = {"bug_id": name, "correction_team": "Mobile"}
        installation.call("project_manager", "POST", "/update_bug", json=body)


def test_without_a_project_the_only_visible_one_is_meant(installation: Installation) -> None:
    assert installation.call("tester", "POST", "/report_bug", json={"description": "x y z"})["key"] == "WEB-1"
    installation.call("project_manager", "POST", "/api/v1/projects", json={"key": "OPS", "name": "Platform"})
    problem = installation.refuse("tester", "POST", "/report_bug", 422, json={"description": "x y z"})
    assert "OPS, WEB" in problem["detail"]
