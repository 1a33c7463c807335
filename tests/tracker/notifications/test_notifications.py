from typing import Any

from bugflow.core.jobs.runners import MemoryRunner
from bugflow.worker import collect_jobs
from factories.app import Installation

INBOX = "/api/v1/notifications"


def inbox(installation: Installation, role: str) -> list[tuple[str, str, str]]:
    MemoryRunner(installation.database, collect_jobs(installation.settings)).run_pending()
    items = installation.call(role, "GET", INBOX)["items"]
    return [(each["kind"], each["reason"], each["summary"]) for each in items]


def report(installation: Installation, **fields: Any) -> str:  # noqa: ANN401 -- JSON.
    body = {"project": "WEB", "title": "It breaks"} | fields
    key: str = installation.call("tester", "POST", "/api/v1/issues", json=body)["key"]
    return key


def test_watchers_are_told_of_comments_and_changes_but_not_of_their_own(installation: Installation) -> None:
    path = f"/api/v1/issues/{report(installation)}"
    installation.call("developer", "POST", f"{path}/comments", json={"body": "I look."})
    installation.call("project_manager", "PATCH", path, json={"severity": "high"})
    assert inbox(installation, "tester") == [
        ("changed", "watching", "WEB-1: severity changed"),
        ("commented", "watching", "WEB-1: I look."),
    ]
    assert inbox(installation, "developer") == [("changed", "watching", "WEB-1: severity changed")]


def test_who_is_assigned_or_mentioned_is_told_so(installation: Installation) -> None:
    report(installation, assignee=2, description="Ask @project_manager@example.com.")
    assert inbox(installation, "developer") == [("assigned", "assignee", "WEB-1: It breaks")]
    assert inbox(installation, "project_manager") == [("mentioned", "mention", "WEB-1: It breaks")]


def test_nobody_is_told_of_what_they_may_not_see(installation: Installation) -> None:
    body = {"project": "WEB", "title": "Leak", "restricted": True, "description": "@tester@example.com, hush"}
    installation.call("project_manager", "POST", "/api/v1/issues", json=body)
    assert inbox(installation, "tester") == []


def test_what_is_turned_off_is_not_told_and_what_is_read_is_marked(installation: Installation) -> None:
    path = f"/api/v1/issues/{report(installation)}"
    wishes = {"channels": {"changed": "off"}, "digest_every": "hour"}
    read = installation.call("tester", "PUT", f"{INBOX}/preferences", json=wishes)
    assert (read["channels"]["changed"], read["channels"]["commented"], read["digest_every"]) == (
        "off",
        "inbox",
        "hour",
    )
    installation.call("project_manager", "PATCH", path, json={"severity": "high"})
    for body in ("Seen.", "Seen again.", "And again."):
        installation.call("developer", "POST", f"{path}/comments", json={"body": body})
    assert [kind for kind, _, _ in inbox(installation, "tester")] == ["commented"] * 3
    newest, _, oldest = (each["id"] for each in installation.call("tester", "GET", INBOX)["items"])
    installation.call("tester", "POST", f"{INBOX}/{newest}/read")
    installation.call("developer", "POST", f"{INBOX}/read-all")
    assert installation.call("tester", "GET", f"{INBOX}/unread") == {"unread": 2}
    installation.call("tester", "POST", f"{INBOX}/read", json={"up_to": oldest})
    assert installation.call("tester", "GET", INBOX)["unread"] == 1
    installation.call("tester", "POST", f"{INBOX}/read-all")
    assert installation.call("tester", "GET", INBOX)["unread"] == 0


def test_an_unknown_kind_or_channel_is_refused(installation: Installation) -> None:
    for channels in ({"weather": "inbox"}, {"changed": "pigeon"}):
        installation.refuse("tester", "PUT", f"{INBOX}/preferences", 422, json={"channels": channels})


def test_a_mention_added_to_a_description_is_told_once_and_code_mentions_nobody(installation: Installation) -> None:
    path = f"/api/v1/issues/{report(installation, description='Ask `@developer` or ```@developer```')}"
    assert inbox(installation, "developer") == []
    installation.call("project_manager", "PATCH", path, json={"description": "Ask @developer."})
    installation.call("project_manager", "PATCH", path, json={"description": "Ask @developer, please."})
    assert inbox(installation, "developer") == [("mentioned", "mention", "WEB-1: description changed")]


def test_a_mention_added_to_a_comment_is_told_once_and_nobody_is_told_of_the_edit(installation: Installation) -> None:
    path = f"/api/v1/issues/{report(installation)}/comments"
    written = installation.call("project_manager", "POST", path, json={"body": "Seen."})
    assert inbox(installation, "developer") == []
    for body in ("Seen, @developer?", "Seen, @developer and @tester?"):
        installation.call("project_manager", "PATCH", f"{path}/{written['id']}", json={"body": body})
        assert inbox(installation, "developer") == [("mentioned", "mention", "WEB-1: Seen, @developer?")]
        assert inbox(installation, "tester") == [("commented", "watching", "WEB-1: Seen.")]


def test_what_may_not_be_seen_any_more_leaves_the_inbox(installation: Installation) -> None:
    path = f"/api/v1/issues/{report(installation, description='@developer')}"
    assert len(inbox(installation, "developer")) == 1
    installation.call("project_manager", "PATCH", path, json={"restricted": True})
    assert inbox(installation, "developer") == []
    assert installation.call("developer", "GET", f"{INBOX}/unread") == {"unread": 0}
