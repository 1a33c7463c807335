import io
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bugflow.core.jobs.tables import OutboxEvent
from bugflow.tracker.audit.tables import AuditEntry
from factories.app import Installation, run_installation

ISSUES = "/api/v1/issues"
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100


def report(installation: Installation, role: str = "tester", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    body = {"project": "WEB", "title": "It breaks"} | fields
    created: dict[str, Any] = installation.call(role, "POST", ISSUES, json=body)
    return created


def test_a_stale_edit_is_a_conflict_not_an_overwrite(installation: Installation) -> None:
    issue = report(installation)
    path = f"{ISSUES}/{issue['key']}"
    installation.call("tester", "PATCH", path, json={"version": 1, "title": "First"})
    problem = installation.refuse("tester", "PATCH", path, 409, json={"version": 1, "title": "Second"})
    assert problem["current_version"] == 2
    assert installation.call("tester", "GET", path)["title"] == "First"


def test_a_comment_does_not_make_an_edit_stale(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}"
    installation.call("developer", "POST", f"{path}/comments", json={"body": "Seen."})
    installation.call("tester", "PATCH", path, json={"version": 1, "title": "Better"})
    assert installation.call("tester", "GET", path)["comment_count"] == 1


def test_of_many_edits_at_once_one_wins_and_the_others_are_told(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}"
    headers = installation.sign_in("project_manager")
    statuses: list[int] = []

    def edit(number: int) -> None:
        body = {"version": 1, "title": f"Title {number}"}
        statuses.append(installation.client.patch(path, json=body, headers=headers).status_code)

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] + [409] * 5


def test_reporters_at_once_get_different_keys(installation: Installation) -> None:
    headers = installation.sign_in("tester")
    keys: list[str] = []

    def create() -> None:
        body = {"project": "WEB", "title": "At once"}
        keys.append(installation.client.post(ISSUES, json=body, headers=headers).json()["key"])

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(keys) == [f"WEB-{number}" for number in range(1, 9)]


def test_every_change_leaves_history_audit_and_an_event_and_no_change_leaves_nothing(
    installation: Installation,
) -> None:
    path = f"{ISSUES}/{report(installation)['key']}"
    installation.call("project_manager", "PATCH", path, json={"severity": "high", "labels": ["a", "b"]})
    installation.call("project_manager", "PATCH", path, json={"severity": "high", "labels": ["b", "a"]})
    history = installation.call("tester", "GET", f"{path}/history")
    assert [(each["field"], each["old"], each["new"]) for each in history] == [
        ("severity", None, "high"),
        ("labels", None, "a, b"),
    ]
    with installation.database.snapshot() as session:
        audit = session.scalars(select(AuditEntry).where(AuditEntry.action == "issue.changed")).all()
        events = session.scalars(select(OutboxEvent.name).order_by(OutboxEvent.id)).all()
    assert [(each.actor_name, each.origin, each.after) for each in audit] == [
        ("Project Manager", "api", {"severity": "high", "labels": "a, b"})
    ]
    assert list(events) == ["IssueReported", "IssueChanged"]


@pytest.mark.parametrize(
    ("role", "changes", "status"),
    [
        ("tester", {"title": "Mine"}, 200),
        ("tester", {"status": "closed"}, 200),
        ("tester", {"status": "in_progress"}, 403),
        ("tester", {"severity": "low"}, 403),
        ("developer", {"severity": "low"}, 200),
        ("developer", {"restricted": True}, 403),
        ("project_manager", {"restricted": True}, 200),
    ],
)
def test_each_role_changes_what_it_may(
    installation: Installation, role: str, changes: dict[str, object], status: int
) -> None:
    path = f"{ISSUES}/{report(installation)['key']}"
    answer = installation.client.patch(path, json=changes, headers=installation.sign_in(role))
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"severity": "fatal"},
        {"team": "Nobody"},
        {"priority": "urgent"},
        {"status": "done"},
        {"title": "   "},
        {"title": "x" * 501},
        {"description": "a\0b"},
        {"assignee": "nobody@example.com"},
        {"assignee": 2**70},
        {"story_points": -1},
        {"story_points": "NaN"},
        {"estimated_hours": 1e30},
        {"due_on": "2026-13-01"},
        {"labels": ["x"] * 51},
        {"resolution": "fixed"},
        {"id": 5},
        {"version": 0},
    ],
)
def test_a_value_that_is_not_possible_is_refused(installation: Installation, changes: dict[str, object]) -> None:
    path = f"{ISSUES}/{report(installation)['key']}"
    assert installation.refuse("project_manager", "PATCH", path, 422, json=changes)["detail"]
    assert installation.call("tester", "GET", path)["version"] == 1


def test_a_closed_issue_is_reopened_before_it_is_worked_on(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}"
    installation.call("project_manager", "PATCH", path, json={"status": "closed", "resolution": "wontfix"})
    installation.refuse("project_manager", "PATCH", path, 409, json={"status": "in_progress"})
    reopened = installation.call("project_manager", "PATCH", path, json={"status": "open"})
    assert (reopened["resolution"], reopened["closed_at"], reopened["resolved_at"]) == (None, None, None)


def test_a_bulk_edit_changes_all_or_none(installation: Installation) -> None:
    first, second = report(installation), report(installation)
    body = {"issues": [first["id"], second["key"]], "changes": {"priority": "high"}}
    assert installation.call("project_manager", "PATCH", f"{ISSUES}/bulk", json=body) == {"changed": 2, "unchanged": 0}
    body = {"issues": [first["id"], "WEB-99"], "changes": {"priority": "low"}}
    installation.refuse("project_manager", "PATCH", f"{ISSUES}/bulk", 404, json=body)
    assert installation.call("tester", "GET", f"{ISSUES}/{first['id']}")["priority"] == "high"


def test_duplicates_never_lead_in_a_circle(installation: Installation) -> None:
    first, second, third = (report(installation)["key"] for _ in range(3))
    for source, target in ((second, first), (third, second)):
        body = {"kind": "duplicate_of", "target": target}
        installation.call("project_manager", "POST", f"{ISSUES}/{source}/relations", json=body)
    for source, target in ((first, third), (third, first), (third, second), (first, first)):
        body = {"kind": "duplicate_of", "target": target}
        answer = installation.client.post(
            f"{ISSUES}/{source}/relations", json=body, headers=installation.sign_in("project_manager")
        )
        assert answer.status_code in {409, 422}
    relations = installation.call("tester", "GET", f"{ISSUES}/{first}/relations")
    assert [(each["issue"], each["outgoing"]) for each in relations] == [(second, False), (third, False)]
    installation.call("project_manager", "DELETE", f"{ISSUES}/{second}/relations/{relations[0]['id']}")
    [left] = installation.call("tester", "GET", f"{ISSUES}/{first}/relations")
    assert left["issue"] == third


def test_a_relation_to_a_newer_issue_is_refused_with_the_way_round_that_works(installation: Installation) -> None:
    first, second = report(installation)["key"], report(installation)["key"]
    body = {"kind": "duplicate_of", "target": second}
    refused = installation.refuse("project_manager", "POST", f"{ISSUES}/{first}/relations", 409, json=body)
    assert refused["detail"] == f"{second} is newer than {first}. Merge {second} into {first} instead."


def test_comments_are_edited_and_deleted_by_their_author_alone(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}/comments"
    comment = installation.call("tester", "POST", path, json={"body": "First"})
    own = f"{path}/{comment['id']}"
    installation.refuse("developer", "PATCH", own, 403, json={"body": "Not mine"})
    installation.call("tester", "PATCH", own, json={"body": "Better"})
    installation.refuse("tester", "POST", path, 422, json={"body": "  "})
    installation.call("tester", "DELETE", own)
    [left] = installation.call("tester", "GET", path)
    assert (left["body"], left["deleted"]) == ("", True)
    installation.refuse("tester", "PATCH", own, 404, json={"body": "Again"})


def test_a_file_is_attached_downloaded_and_never_executed(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}/attachments"
    page = b"<script>alert(1)</script>"
    made = installation.call("tester", "POST", path, files={"file": ("../../evil.html", io.BytesIO(page))})
    assert made["filename"] == "evil.html"
    answer = installation.client.get(f"{path}/{made['id']}", headers=installation.sign_in("developer"))
    assert answer.content == page
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["content-type"] == "application/octet-stream"
    installation.refuse("developer", "DELETE", f"{path}/{made['id']}", 403)
    installation.call("tester", "DELETE", f"{path}/{made['id']}")
    assert installation.call("tester", "GET", path) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("virus.exe", b"MZ"), ("picture.png", b"<svg onload=alert(1)>"), ("empty.txt", b""), ("a.jpg", PNG)],
)
def test_programs_false_pictures_and_nothing_are_not_attached(
    installation: Installation, name: str, content: bytes
) -> None:
    path = f"{ISSUES}/{report(installation)['key']}/attachments"
    installation.refuse("tester", "POST", path, 422, files={"file": (name, io.BytesIO(content))})


def test_a_file_or_body_beyond_the_limit_is_refused_and_leaves_nothing(database_url: str, tmp_path: Path) -> None:
    limits = {"max_attachment_bytes": 1000, "max_body_bytes": 5000}
    with run_installation(database_url, tmp_path, **limits) as installation:
        path = f"{ISSUES}/{report(installation)['key']}/attachments"
        for size, status in ((1001, 422), (20_000, 413)):
            file = {"file": ("a.txt", io.BytesIO(b"x" * size))}
            installation.refuse("tester", "POST", path, status, files=file)
        body = {"project": "WEB", "title": "x", "description": "y" * 6000}
        installation.refuse("tester", "POST", ISSUES, 413, json=body)
        assert installation.call("tester", "GET", path) == []
        assert not [file for file in (tmp_path / "files").rglob("*") if file.is_file()]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1]", b'"x"', b"", b"null", b'{"title":' + b"[" * 5000])
def test_a_body_that_is_not_json_is_refused(installation: Installation, body: bytes) -> None:
    headers = installation.sign_in("tester") | {"Content-Type": "application/json"}
    assert installation.client.post(ISSUES, content=body, headers=headers).status_code in {400, 422}


def test_watching_is_begun_by_taking_part_and_ended_by_hand(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}"
    installation.call("developer", "POST", f"{path}/comments", json={"body": "I look."})
    names = [each["name"] for each in installation.call("tester", "GET", f"{path}/watchers")]
    assert names == ["Developer", "Tester"]
    installation.call("developer", "DELETE", f"{path}/watch")
    installation.call("project_manager", "PUT", f"{path}/watch")
    names = [each["name"] for each in installation.call("tester", "GET", f"{path}/watchers")]
    assert names == ["Project Manager", "Tester"]
