from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.jobs.tables import OutboxEvent
from bugflow.worker import collect_jobs
from factories.app import Installation

SPRINTS = "/api/v1/projects/WEB/sprints"
MANAGER = "project_manager"


def plan(installation: Installation, name: str = "Sprint 7", **fields: Any) -> str:  # noqa: ANN401 -- JSON.
    body = {"name": name, "starts_on": "2026-03-02", "ends_on": "2026-03-13"} | fields
    number: str = installation.call(MANAGER, "POST", SPRINTS, json=body)["id"]
    return f"/api/v1/sprints/{number}"


def report(installation: Installation, **fields: Any) -> str:  # noqa: ANN401 -- JSON.
    body = {"project": "WEB", "title": "It breaks"} | fields
    key: str = installation.call(MANAGER, "POST", "/api/v1/issues", json=body)["key"]
    return key


def put_in(installation: Installation, sprint: str, *issues: str) -> int:
    moved: int = installation.call(MANAGER, "POST", f"{sprint}/issues", json={"issues": issues})["moved"]
    return moved


def close(installation: Installation, issue: str) -> None:
    installation.call(MANAGER, "PATCH", f"/api/v1/issues/{issue}", json={"status": "closed"})


def search(installation: Installation, query: str) -> list[str]:
    found = installation.call("tester", "GET", "/api/v1/issues", params={"q": query})
    return sorted(each["key"] for each in found["items"])


def test_a_planned_sprint_is_read_by_all_and_planned_only_by_managers(installation: Installation) -> None:
    sprint = plan(installation, capacity_hours=80, goal="Stop the crashes")
    read = installation.call("tester", "GET", sprint)
    assert (read["state"], read["project"], read["capacity_hours"], read["version"]) == ("planned", "WEB", 80, 1)
    body = {"name": "Mine", "starts_on": "2026-03-02", "ends_on": "2026-03-03"}
    for role in ("tester", "developer"):
        installation.refuse(role, "POST", SPRINTS, 403, json=body)
        installation.refuse(role, "PATCH", sprint, 403, json={"name": "Mine"})
        installation.refuse(role, "POST", f"{sprint}/start", 403)
        installation.refuse(role, "POST", f"{sprint}/issues", 403, json={"issues": [1]})
        installation.refuse(role, "DELETE", sprint, 403)
    assert [each["name"] for each in installation.call("developer", "GET", SPRINTS)] == ["Sprint 7"]


@pytest.mark.parametrize(
    "fields",
    [
        {"name": " "},
        {"name": "a\0b"},
        {"starts_on": "2026-03-20"},
        {"capacity_hours": -1},
        {"unknown": 1},
    ],
)
def test_an_impossible_sprint_is_refused(installation: Installation, fields: dict[str, Any]) -> None:
    body = {"name": "S", "starts_on": "2026-03-02", "ends_on": "2026-03-13"} | fields
    installation.refuse(MANAGER, "POST", SPRINTS, 422, json=body)


def test_the_name_of_a_sprint_is_its_own_in_the_project(installation: Installation) -> None:
    plan(installation)
    body = {"name": "sprint  7", "starts_on": "2026-03-02", "ends_on": "2026-03-13"}
    assert "exists already" in installation.refuse(MANAGER, "POST", SPRINTS, 409, json=body)["detail"]


def test_a_stale_edit_of_a_sprint_is_refused(installation: Installation) -> None:
    sprint = plan(installation)
    installation.call(MANAGER, "PATCH", sprint, json={"goal": "One", "version": 1})
    problem = installation.refuse(MANAGER, "PATCH", sprint, 409, json={"goal": "Two", "version": 1})
    assert problem["current_version"] == 2
    assert installation.call(MANAGER, "GET", sprint)["goal"] == "One"


def test_a_private_projects_sprint_does_not_exist_for_others(installation: Installation) -> None:
    sprint = plan(installation)
    installation.call("admin", "PATCH", "/api/v1/projects/WEB", json={"visibility": "private"})
    for path in ("", "/report", "/history"):
        installation.refuse("tester", "GET", sprint + path, 404)
    installation.refuse("tester", "GET", f"/api/v1/sprints/{uuid4()}", 404)


def test_an_issue_shows_its_sprint_and_keeps_the_history(installation: Installation) -> None:
    first, second, issue = plan(installation), plan(installation, "Sprint 8"), report(installation)
    assert put_in(installation, first, issue, issue) == 1
    assert put_in(installation, first, issue) == 0
    put_in(installation, second, issue)
    shown = installation.call("tester", "GET", f"/api/v1/issues/{issue}")["sprint"]
    assert (shown["name"], shown["state"], shown["id"]) == ("Sprint 8", "planned", second.rsplit("/", maxsplit=1)[-1])
    history = installation.call("tester", "GET", f"/api/v1/issues/{issue}/history")
    changes = [(each["field"], each["old"], each["new"]) for each in history]
    assert changes == [("sprint", None, "Sprint 7"), ("sprint", "Sprint 7", "Sprint 8")]
    [stay] = installation.call("tester", "GET", f"{first}/history")
    assert stay["removed_at"] is not None
    installation.call(MANAGER, "DELETE", f"{second}/issues/{issue}")
    assert installation.call("tester", "GET", f"/api/v1/issues/{issue}")["sprint"] is None


def test_an_issue_of_another_project_is_refused_and_nothing_is_moved(installation: Installation) -> None:
    installation.call(MANAGER, "POST", "/api/v1/projects", json={"key": "APP", "name": "App"})
    sprint, own, other = plan(installation), report(installation), report(installation, project="APP")
    body = {"issues": [own, other]}
    assert other in installation.refuse(MANAGER, "POST", f"{sprint}/issues", 422, json=body)["detail"]
    assert installation.call(MANAGER, "GET", sprint)["issue_count"] == 0


def test_sprints_are_found_by_query(installation: Installation) -> None:
    sprint, inside, outside = plan(installation), report(installation), report(installation)
    put_in(installation, sprint, inside)
    assert search(installation, 'sprint:"Sprint 7"') == [inside]
    assert search(installation, "sprint:none") == [outside]
    assert search(installation, "sprint:current") == []
    installation.call(MANAGER, "POST", f"{sprint}/start")
    assert search(installation, "sprint:current") == [inside]


def test_a_second_active_sprint_and_a_second_start_are_conflicts(installation: Installation) -> None:
    first, second = plan(installation), plan(installation, "Sprint 8")
    installation.call(MANAGER, "POST", f"{first}/start")
    again = installation.refuse(MANAGER, "POST", f"{first}/start", 409)
    assert again["detail"] == "Sprint 'Sprint 7' is active and cannot be started."
    assert "'Sprint 7' is active" in installation.refuse(MANAGER, "POST", f"{second}/start", 409)["detail"]


def test_of_two_starts_at_once_one_is_told_of_the_other(installation: Installation) -> None:
    paths = [f"{plan(installation, name)}/start" for name in ("One", "Two", "Three", "Four")]
    headers = installation.sign_in(MANAGER)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda path: installation.client.post(path, headers=headers), paths))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert all("Complete that one first" in each.json()["detail"] for each in answers if each.status_code == 409)


def test_completing_says_where_unfinished_issues_go(installation: Installation) -> None:
    first, second = plan(installation), plan(installation, "Sprint 8", starts_on="2026-03-13", ends_on="2026-03-20")
    done, left = report(installation), report(installation)
    put_in(installation, first, done, left)
    installation.call(MANAGER, "POST", f"{first}/start")
    close(installation, done)
    installation.refuse(MANAGER, "POST", f"{first}/complete", 422, json={})
    installation.refuse(MANAGER, "POST", f"{first}/complete", 422, json={"unfinished": "sprint"})
    assert installation.call(MANAGER, "POST", f"{first}/complete", json={"unfinished": "next"})["state"] == "completed"
    assert search(installation, 'sprint:"Sprint 7"') == [done]
    assert search(installation, 'sprint:"Sprint 8"') == [left]
    again = installation.refuse(MANAGER, "POST", f"{first}/complete", 409, json={"unfinished": "next"})
    assert again["detail"] == "Sprint 'Sprint 7' is completed and cannot be completed."
    installation.call(MANAGER, "POST", f"{second}/start")
    problem = installation.refuse(MANAGER, "POST", f"{second}/complete", 409, json={"unfinished": "next"})
    assert "no planned sprint" in problem["detail"]
    installation.call(MANAGER, "POST", f"{second}/complete", json={"unfinished": "backlog"})
    assert search(installation, "sprint:none") == [left]


def test_unfinished_issues_go_to_the_sprint_that_is_named(installation: Installation) -> None:
    first, _, third = plan(installation), plan(installation, "Sprint 8"), plan(installation, "Sprint 9")
    issue = report(installation)
    put_in(installation, first, issue)
    installation.call(MANAGER, "POST", f"{first}/start")
    target = third.rsplit("/", maxsplit=1)[-1]
    installation.call(MANAGER, "POST", f"{first}/complete", json={"unfinished": "sprint", "sprint": target})
    assert search(installation, 'sprint:"Sprint 9"') == [issue]


def test_the_report_tells_what_became_of_a_sprint_and_stays(installation: Installation) -> None:
    sprint = plan(installation)
    done = report(installation, story_points=3, estimated_hours=4)
    left, gone = report(installation, story_points=5), report(installation, story_points=2)
    put_in(installation, sprint, done, left, gone)
    installation.call(MANAGER, "POST", f"{sprint}/start")
    late = report(installation, story_points=1)
    put_in(installation, sprint, late)
    installation.call(MANAGER, "POST", f"{sprint}/issues/remove", json={"issues": [gone]})
    close(installation, done)
    [day] = installation.call("tester", "GET", f"{sprint}/report")["days"]
    assert day["remaining"] == {"issues": 2, "points": 6, "hours": 0}
    installation.call(MANAGER, "POST", f"{sprint}/complete", json={"unfinished": "backlog"})
    installation.call(MANAGER, "PATCH", f"/api/v1/issues/{done}", json={"status": "open", "story_points": 8})
    read = installation.call("tester", "GET", f"{sprint}/report")
    assert read["committed"] == {"issues": 3, "points": 10, "hours": 4}
    assert read["added"] == {"issues": 1, "points": 1, "hours": 0}
    assert read["removed"] == {"issues": 1, "points": 2, "hours": 0}
    assert read["completed"] == {"issues": 1, "points": 3, "hours": 4}
    assert read["carried_over"] == {"issues": 2, "points": 6, "hours": 0}
    assert read["days"][-1]["remaining"] == {"issues": 2, "points": 6, "hours": 0}
    stays = {each["issue"]: each for each in installation.call("tester", "GET", f"{sprint}/history")}
    assert (stays[late]["after_start"], stays[done]["after_start"]) == (True, False)
    assert (stays[done]["outcome"], stays[left]["outcome"], stays[gone]["outcome"]) == (
        "completed",
        "carried_over",
        None,
    )


def test_only_a_planned_and_empty_sprint_is_deleted(installation: Installation) -> None:
    sprint, issue = plan(installation), report(installation)
    put_in(installation, sprint, issue)
    assert "1 issues" in installation.refuse(MANAGER, "DELETE", sprint, 409)["detail"]
    installation.call(MANAGER, "DELETE", f"{sprint}/issues/{issue}")
    installation.call(MANAGER, "DELETE", sprint)
    installation.refuse(MANAGER, "GET", sprint, 404)
    active = plan(installation)
    installation.call(MANAGER, "POST", f"{active}/start")
    installation.refuse(MANAGER, "DELETE", active, 409)


def test_a_completed_sprint_takes_no_changes(installation: Installation) -> None:
    sprint, issue = plan(installation), report(installation)
    installation.call(MANAGER, "POST", f"{sprint}/start")
    installation.call(MANAGER, "POST", f"{sprint}/complete", json={"unfinished": "backlog"})
    installation.refuse(MANAGER, "PATCH", sprint, 409, json={"name": "Other"})
    installation.refuse(MANAGER, "POST", f"{sprint}/issues", 409, json={"issues": [issue]})


def test_start_and_end_are_announced_audited_and_told_to_those_with_issues_in_it(installation: Installation) -> None:
    sprint, issue = plan(installation), report(installation, assignee="developer@example.com")
    put_in(installation, sprint, issue)
    installation.call(MANAGER, "POST", f"{sprint}/start")
    installation.call(MANAGER, "POST", f"{sprint}/complete", json={"unfinished": "backlog"})
    with installation.database.snapshot() as session:
        names = list(session.scalars(select(OutboxEvent.name).where(OutboxEvent.name.startswith("Sprint"))))
    assert names == ["SprintCreated", "SprintStarted", "SprintCompleted"]
    MemoryRunner(installation.database, collect_jobs(installation.settings)).run_pending()
    items = installation.call("developer", "GET", "/api/v1/notifications")["items"]
    told = [each["summary"] for each in items if each["kind"] == "sprint"]
    assert told == ["Sprint 7 completed: 0 issues finished, 1 carried over", "Sprint 7 started"]
    assert installation.call("tester", "GET", "/api/v1/notifications")["items"] == []
