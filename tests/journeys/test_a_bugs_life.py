"""A bug is reported, worked on, corrected and resolved, over HTTP and by the documented calls alone."""

from factories.app import PASSWORD, Installation

REPORT = {"description": "Login button crashes the app. It happens on every click.", "project": "WebApp"}


def test_a_bug_is_reported_worked_on_corrected_and_resolved(installation: Installation) -> None:
    reported = installation.call(
        "tester", "POST", "/report_bug", json=REPORT | {"severity": "high", "team": "Frontend", "assigned_to_id": 2}
    )
    assert reported["message"] == "Bug reported"
    bug = reported["id"]

    begun = installation.call("developer", "POST", "/update_bug", json={"bug_id": bug, "status": "in_progress"})
    assert begun == {"message": "Bug updated", "feedback_count": 0}

    corrections = {"bug_id": bug, "correction_severity": "critical", "correction_team": "DevOps"}
    corrected = installation.call("project_manager", "POST", "/update_bug", json=corrections)
    assert corrected == {"message": "Bug updated (AI Feedback Recorded)", "feedback_count": 2}

    installation.call("developer", "POST", "/update_bug", json={"bug_id": bug, "status": "resolved"})
    seen = installation.call("tester", "GET", f"/api/v1/issues/{bug}")
    assert (seen["status"], seen["severity"], seen["team"], seen["title"], seen["resolution"]) == (
        "resolved",
        "critical",
        "DevOps",
        "Login button crashes the app",
        "fixed",
    )
    history = installation.call("tester", "GET", f"/api/v1/issues/{seen['key']}/history")
    assert [(each["field"], each["old"], each["new"]) for each in history] == [
        ("status", "open", "in_progress"),
        ("severity", "high", "critical"),
        ("team", "Frontend", "DevOps"),
        ("status", "in_progress", "resolved"),
        ("resolution", None, "fixed"),
    ]


def test_the_token_call_takes_json_and_the_oauth2_form(installation: Installation) -> None:
    credentials = {"username": "tester@example.com", "password": PASSWORD}
    by_json = installation.client.post("/token", json=credentials)
    by_form = installation.client.post("/token", data=credentials | {"grant_type": "password"})
    for answer in (by_json, by_form):
        assert answer.status_code == 200
        assert answer.json()["token_type"] == "bearer"
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert installation.client.get("/api/v1/users/me", headers=headers).json()["role"] == "tester"


def test_health_says_that_the_service_is_ok_without_signing_in(installation: Installation) -> None:
    answer = installation.client.get("/health").json()
    assert (answer["status"], answer["service"]) == ("ok", "trainer")
