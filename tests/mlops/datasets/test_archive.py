import json
from typing import Any

from bugflow.mlops.datasets.archive import read_archives
from bugflow.mlops.datasets.rows import Account


def event(number: int, title: str, *labels: str, at: str, action: str = "opened", **more: Any) -> str:  # noqa: ANN401 -- JSON.
    user = {"login": more.pop("login", "ann"), "type": more.pop("kind", "User")}
    issue = {"id": number, "number": number, "title": title, "body": f"{title}, in full", "user": user}
    issue |= {"labels": [{"name": label} for label in labels], "created_at": f"2020-01-{number:02d}T00:00:00Z"} | more
    whole = {"type": "IssuesEvent", "repo": {"name": "o/r"}, "created_at": at}
    return json.dumps(whole | {"payload": {"action": action, "issue": issue}}) + "\n"


def read(lines: list[str]) -> tuple[list[dict[str, Any]], Account]:
    account = Account()
    return [row for batch in read_archives(lines, account) for row in batch.frame.to_dicts()], account


def test_an_issue_has_its_first_text_and_its_latest_labels() -> None:
    lines = [
        event(1, "As filed", at="2020-01-01"),
        event(1, "Edited", "severity: high", at="2020-01-03", action="closed"),
        event(1, "Edited", "severity: low", "bug", at="2020-01-02", action="labeled"),
    ]
    [row], _ = read(lines)
    assert (row["title"], row["description"], row["severity"]) == ("As filed", "As filed, in full", "high")
    assert (row["issue_id"], row["project"]) == ("o/r#1", "o/r")


def test_an_issue_that_was_not_opened_in_the_dump_is_left_out() -> None:
    assert read([event(1, "Edited", "severity: high", at="2020-01-03", action="closed")])[0] == []


def test_pull_requests_and_reports_of_bots_are_left_out_and_counted() -> None:
    lines = [
        event(1, "A change", at="1", pull_request={"url": "…"}),
        event(2, "Bump one to two", at="2", login="dependabot[bot]"),
        event(3, "Nightly failed", at="3", login="ci-bot"),
        event(4, "Made by an app", at="4", login="app", kind="Bot"),
        event(5, "A person called abbot says so", at="5", login="abbot"),
    ]
    rows, account = read(lines)
    assert [row["issue_id"] for row in rows] == ["o/r#5"]
    assert account.unread == {"pull requests": 1, "opened by bots": 3}


def test_what_is_no_event_of_an_issue_is_passed_over() -> None:
    old = json.dumps({"type": "IssuesEvent", "payload": {"action": "opened", "issue": 77}})
    wrong = json.dumps({"type": "IssuesEvent", "payload": {"action": "opened", "issue": {"id": "7", "labels": 5}}})
    rows, account = read(["{}\n", '{"type": "PushEvent"}\n', '{"issue": \n', '["issue"]', old, wrong])
    assert rows == []
    assert account.unread == {"opened, but without their text": 2, "lines that are no JSON": 1}
