from typing import Any
from uuid import uuid4

import pytest

from factories.app import Installation
from factories.browser import Browser, field_value


def report(installation: Installation, **fields: Any) -> int:  # noqa: ANN401 -- Any field.
    body = {"project": "WEB", "title": "Crash on start", **fields}
    number: int = installation.call("tester", "POST", "/api/v1/issues", json=body)["id"]
    return number


def read(installation: Installation, number: int) -> dict[str, Any]:
    issue: dict[str, Any] = installation.call("admin", "GET", f"/api/v1/issues/{number}")
    return issue


def test_a_report_sent_twice_makes_one_issue(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    once = field_value(browser.get("/report").text, "once")
    form = {"once": once, "project": "WEB", "title": "It breaks", "description": "At\r\nnoon.", "severity": "high"}
    answers = [browser.submit("/report", **form) for _ in range(2)]
    assert [answer.headers["location"] for answer in answers] == ["/issues/WEB-1"] * 2
    found = installation.call("admin", "GET", "/api/v1/issues")["items"]
    assert [(issue["title"], issue["description"], issue["severity"]) for issue in found] == [
        ("It breaks", "At\nnoon.", "high")
    ]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": "  "}, "Say in a few words what is wrong."),
        ({"project": ""}, "Choose the project"),
        ({"severity": "apocalyptic"}, "apocalyptic"),
        ({"once": "x"}, "The form is damaged."),
        ({"title": "x" * 501}, "Title: String should have at most 500 characters."),
        ({"issue_type": "wish"}, "Issue type: Input should be"),
        ({"team": "x" * 121}, "Team: String should have at most 120 characters."),
    ],
)
def test_a_refused_report_loses_nothing_that_was_typed(
    installation: Installation, wrong: dict[str, str], said: str
) -> None:
    form = {"once": str(uuid4()), "project": "WEB", "title": "T", "description": "A long story </textarea><b>"} | wrong
    page = Browser(installation, "tester").submit("/report", **form)
    assert page.status_code == 422
    assert said in page.text
    assert "A long story &lt;/textarea&gt;&lt;b&gt;</textarea>" in page.text


def test_the_page_shows_the_issue_and_runs_nothing_of_it(installation: Installation) -> None:
    hostile = "<script>alert(1)</script>"
    number = report(
        installation,
        title=hostile,
        description=f"**bold** {hostile}",
        stack_trace=hostile,
        environment=hostile,
        labels=["a<b"],
    )
    installation.call("tester", "POST", f"/api/v1/issues/{number}/comments", json={"body": hostile})
    page = Browser(installation, "developer").get(f"/issues/{number}")
    assert page.status_code == 200
    assert "<strong>bold</strong>" in page.text
    assert "<script>alert" not in page.text
    assert "a&lt;b" in page.text


def test_fields_change_and_leave_history(installation: Installation) -> None:
    number = report(installation)
    browser = Browser(installation, "project_manager")
    form = {"version": "1", "status": "in_progress", "severity": "critical", "story_points": "3", "labels": "a, b"}
    assert browser.submit(f"/issues/{number}", **form).status_code == 303
    issue = read(installation, number)
    assert (issue["status"], issue["severity"], issue["story_points"], issue["labels"]) == (
        "in_progress",
        "critical",
        3,
        ["a", "b"],
    )
    page = browser.get(f"/issues/{number}").text
    assert "set severity" in page
    browser.submit(f"/issues/{number}", version="2", severity="", story_points="", labels="")
    issue = read(installation, number)
    assert (issue["severity"], issue["story_points"], issue["labels"]) == (None, None, [])


def test_a_form_sent_unchanged_changes_nothing(installation: Installation) -> None:
    number = report(installation, description="one\ntwo", severity="high", labels=["x"])
    browser = Browser(installation, "project_manager")
    fields = {"version": "1", "status": "open", "severity": "high", "labels": "x", "assignee": "", "due_on": ""}
    assert browser.submit(f"/issues/{number}", **fields).status_code == 303
    form = {"version": "1", "title": "Crash on start", "description": "one\r\ntwo", "issue_type": "bug"}
    assert browser.submit(f"/issues/{number}/edit", **form).status_code == 303
    assert read(installation, number)["version"] == 1


def test_a_stale_form_overwrites_nothing_and_shows_both(installation: Installation) -> None:
    number = report(installation)
    browser = Browser(installation, "project_manager")
    browser.submit(f"/issues/{number}", version="1", severity="low")
    page = browser.submit(f"/issues/{number}", version="1", severity="critical", labels="mine")
    assert page.status_code == 409
    assert "was changed by someone else" in page.text
    assert "now: low" in page.text
    assert field_value(page.text, "labels") == "mine"
    assert field_value(page.text, "version") == "2"
    assert read(installation, number)["severity"] == "low"


def test_a_stale_text_is_kept_beside_what_is_there_now(installation: Installation) -> None:
    number = report(installation, description="First")
    browser = Browser(installation, "tester")
    form = {"title": "Crash on start", "issue_type": "bug"}
    browser.submit(f"/issues/{number}/edit", version="1", description="Second", **form)
    page = browser.submit(f"/issues/{number}/edit", version="1", description="Third", **form)
    assert page.status_code == 409
    assert "Third</textarea>" in page.text
    assert "<pre>Second</pre>" in page.text
    assert read(installation, number)["description"] == "Second"


@pytest.mark.parametrize(
    ("field", "value"),
    [("story_points", "many"), ("story_points", "nan"), ("story_points", "-1"), ("due_on", "someday"), ("status", "x")],
)
def test_an_impossible_value_is_explained_and_kept(installation: Installation, field: str, value: str) -> None:
    number = report(installation)
    page = Browser(installation, "project_manager").submit(f"/issues/{number}", version="1", **{field: value})
    assert page.status_code == 422
    assert 'class="problem"' in page.text
    assert read(installation, number)["version"] == 1


def test_a_comment_can_change_the_status_in_one_step(installation: Installation) -> None:
    number = report(installation)
    browser = Browser(installation, "developer")
    answer = browser.submit(f"/issues/{number}/comments", body="Fixed in 1.2", status="resolved")
    assert answer.status_code == 303
    assert read(installation, number)["status"] == "resolved"
    assert "Fixed in 1.2" in browser.get(f"/issues/{number}").text
    empty = browser.submit(f"/issues/{number}/comments", body="  ")
    assert empty.status_code == 422
    assert "An empty comment says nothing." in empty.text


def test_a_comment_too_long_is_explained_and_kept(installation: Installation) -> None:
    number = report(installation)
    body = "Begin " + "x" * 200_000
    page = Browser(installation, "tester").submit(f"/issues/{number}/comments", body=body)
    assert page.status_code == 422
    assert "at most 200000 characters" in page.text
    assert f"{body}</textarea>" in page.text


def test_what_a_role_may_not_do_is_neither_offered_nor_done(installation: Installation) -> None:
    number = report(installation)
    installation.call("developer", "PATCH", f"/api/v1/issues/{number}", json={"assignee": "developer@example.com"})
    tester = Browser(installation, "tester")
    page = tester.get(f"/issues/{number}").text
    assert "Save fields" not in page
    assert "Edit text" in page
    refused = tester.submit(f"/issues/{number}", version="2", severity="critical")
    assert refused.status_code == 403
    assert "You may not change severity" in refused.text
    assert read(installation, number)["severity"] is None


def test_a_hidden_issue_is_not_found_on_any_page(installation: Installation) -> None:
    body = {"project": "WEB", "title": "Secret", "restricted": True}
    number = installation.call("project_manager", "POST", "/api/v1/issues", json=body)["id"]
    browser = Browser(installation, "tester")
    assert browser.get(f"/issues/{number}").status_code == 404
    assert browser.get(f"/issues/{number}/edit").status_code == 404
    assert browser.submit(f"/issues/{number}", version="1", severity="low").status_code == 404
    assert browser.submit(f"/issues/{number}/comments", body="x").status_code == 404
    assert browser.submit(f"/issues/{number}/watch", watch="yes").status_code == 404
    assert "Secret" not in browser.get("/issues?q=").text


def test_files_are_attached_and_listed(installation: Installation) -> None:
    number = report(installation)
    browser = Browser(installation, "tester")
    assert browser.attach(f"/issues/{number}/attachments", "log <1>.txt", b"boom").status_code == 303
    page = browser.get(f"/issues/{number}").text
    assert "log &lt;1&gt;.txt" in page
    address = page.split('<a href="/api/v1/issues/')[1].split('"')[0]
    assert browser.get(f"/api/v1/issues/{address}").content == b"boom"
    assert browser.attach(f"/issues/{number}/attachments", "virus.exe", b"MZ").status_code == 422


def test_watching_is_one_click(installation: Installation) -> None:
    number = report(installation)
    browser = Browser(installation, "developer")
    assert "1 watching" in browser.get(f"/issues/{number}").text
    browser.submit(f"/issues/{number}/watch", watch="yes")
    page = browser.get(f"/issues/{number}").text
    assert "2 watching" in page
    assert "Stop watching" in page
    browser.submit(f"/issues/{number}/watch", watch="no")
    assert "1 watching" in browser.get(f"/issues/{number}").text
