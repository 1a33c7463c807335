import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.issues.tables import Issue
from factories.app import Installation, run_installation
from factories.browser import SAME_ORIGIN, Browser, field_value, form_fields


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
        ({"title": "x" * 501}, "Title: This is too long. Write at most 500 characters."),
        ({"issue_type": "wish"}, "Issue type: Choose one of these: bug, "),
        ({"team": "x" * 121}, "Team: This is too long. Write at most 120 characters."),
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


@pytest.mark.parametrize("form", ["comments", "relations"])
def test_the_address_of_a_refused_form_leads_to_its_issue(installation: Installation, form: str) -> None:
    report(installation)
    answer = Browser(installation, "tester").get(f"/issues/WEB-1/{form}")
    assert answer.headers["location"] == "/issues/WEB-1"


def test_a_comment_too_long_is_explained_and_kept(installation: Installation) -> None:
    number = report(installation)
    body = "Begin " + "x" * 200_000
    page = Browser(installation, "tester").submit(f"/issues/{number}/comments", body=body)
    assert page.status_code == 422
    assert "at most 200,000 characters" in page.text
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


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("virus.exe", b"MZ", 422, "&#39;virus.exe&#39; cannot be attached: programs are not taken"),
        ("empty.txt", b"", 422, "&#39;empty.txt&#39; cannot be attached: it is empty."),
        ("screen.png", b"none", 422, "its content is not image/png."),
        ("large.txt", b"x" * 1001, 422, "The file is larger than 1,000 bytes, the most that is taken."),
        ("larger.txt", b"x" * 100_000, 413, "The file is larger than 1,000 bytes, the most that is taken."),
        ("", b"", 422, "Choose a file first."),
    ],
)
def test_a_refused_file_is_explained_beside_its_form(
    database_url: str, tmp_path: Path, name: str, content: bytes, status: int, said: str
) -> None:
    with run_installation(database_url, tmp_path / "home", max_attachment_bytes=1000) as installation:
        number = report(installation)
        browser = Browser(installation, "tester")
        page = browser.attach(f"/issues/{number}/attachments", name, content)
        assert page.status_code == status
        assert "<h1>Crash on start</h1>" in page.text
        form, _, after = page.text.split(f'action="/issues/WEB-{number}/attachments"')[1].partition("</form>")
        assert 'aria-invalid="true" aria-describedby="file-wrong"' in form
        assert after.split("</p>")[0].strip().startswith('<p class="wrong" id="file-wrong" role="alert">')
        assert said in after.split("</p>")[0]
        assert page.text.count('role="alert"') == 1
        assert installation.call("tester", "GET", f"/api/v1/issues/{number}/attachments") == []
        assert browser.get(f"/issues/{number}/attachments").headers["location"] == f"/issues/{number}"


def test_a_file_too_large_is_refused_to_programs_and_strangers_as_ever(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", max_attachment_bytes=1000) as installation:
        number = report(installation)
        large = {"file": ("a.txt", b"x" * 100_000)}
        answer = installation.refuse("tester", "POST", f"/api/v1/issues/{number}/attachments", 413, files=large)
        assert "body is larger than 11,000 bytes" in answer["detail"]
        stranger = Browser(installation, None).attach(f"/issues/{number}/attachments", *large["file"])
        assert stranger.headers["location"].startswith("/sign-in")
        missing = Browser(installation, "tester").attach("/issues/WEB-99/attachments", *large["file"])
        assert missing.status_code == 404


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


def test_a_comment_form_sent_twice_makes_one_comment(installation: Installation) -> None:
    number = report(installation)
    browser = Browser(installation, "developer")
    after = form_fields(browser.get("/issues/WEB-1").text, "/issues/WEB-1/comments")["after"]
    form = {"body": "Same\r\nhere", "after": after, "status": "in_progress"}
    answers = [browser.submit("/issues/WEB-1/comments", **form) for _ in range(2)]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert len(installation.call("admin", "GET", f"/api/v1/issues/{number}/comments")) == 1
    later = form_fields(browser.get("/issues/WEB-1").text, "/issues/WEB-1/comments")["after"]
    browser.submit("/issues/WEB-1/comments", body="Same\nhere", after=later)
    Browser(installation, "tester").submit("/issues/WEB-1/comments", body="Same\nhere", after=after)
    assert len(installation.call("admin", "GET", f"/api/v1/issues/{number}/comments")) == 3


def test_of_comment_forms_sent_at_the_same_moment_one_counts(installation: Installation) -> None:
    number = report(installation)
    browser = Browser(installation, "developer")
    form = {"body": "Double click", "after": "0", "status": "in_progress"}
    headers = SAME_ORIGIN | {"Cookie": browser.cookie}

    def send(_: int) -> int:
        sent = installation.client.post("/issues/WEB-1/comments", data=form, headers=headers, follow_redirects=False)
        return sent.status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(send, range(4))) == {303}
    assert len(installation.call("admin", "GET", f"/api/v1/issues/{number}/comments")) == 1
    assert read(installation, number)["status"] == "in_progress"


@pytest.mark.parametrize("reference", ["WEB-2", "#2", "2", " web-2 "])
def test_a_relation_is_added_and_taken_back_on_the_page(installation: Installation, reference: str) -> None:
    report(installation)
    report(installation, title="The other one")
    browser = Browser(installation, "developer")
    for _ in range(2):
        added = browser.submit("/issues/WEB-1/relations", kind="blocks", target=reference)
        assert added.headers["location"] == "/issues/WEB-1#related"
    page = browser.get("/issues/WEB-1").text
    assert "WEB-2 The other one</a>" in page
    assert "added: blocks <b>WEB-2</b>" in page
    assert 'aria-label="Remove: blocked by WEB-1"' in browser.get("/issues/WEB-2").text
    address = page.split('action="/issues/WEB-1/relations/')[1].split('"')[0]
    for _ in range(2):
        assert browser.submit(f"/issues/WEB-1/relations/{address}").headers["location"] == "/issues/WEB-1#related"
    assert "WEB-2 The other one</a>" not in browser.get("/issues/WEB-1").text


@pytest.mark.parametrize(
    ("kind", "target", "status", "said"),
    [
        ("blocks", "WEB-99", 422, "Issue WEB-99 does not exist, or you may not see it."),
        ("blocks", "WEB-3", 422, "Issue WEB-3 does not exist, or you may not see it."),
        ("blocks", "", 422, "Name the other issue, such as WEB-7 or #7."),
        ("blocks", "WEB-1", 422, "WEB-1 cannot be related to itself."),
        ("duplicate_of", "WEB-2", 409, "WEB-2 leads back to WEB-1"),
        ("eats", "WEB-2", 422, "Choose how the two issues are related."),
    ],
)
def test_an_impossible_relation_is_explained_beside_the_field(
    installation: Installation, kind: str, target: str, status: int, said: str
) -> None:
    report(installation)
    report(installation)
    hidden = {"project": "WEB", "title": "Hidden", "restricted": True}
    installation.call("project_manager", "POST", "/api/v1/issues", json=hidden)
    back = {"kind": "duplicate_of", "target": 1}
    installation.call("developer", "POST", "/api/v1/issues/2/relations", json=back)
    page = Browser(installation, "developer").submit("/issues/WEB-1/relations", kind=kind, target=target)
    assert page.status_code == status
    field = "kind" if kind == "eats" else "target"
    assert said in page.text.split(f'id="{field}-wrong">')[1].split("</span>")[0]
    assert f'aria-describedby="{field}-wrong"' in page.text
    assert field_value(page.text, "target") == target
    assert "Hidden" not in page.text


def test_only_who_may_relate_issues_is_offered_it(installation: Installation) -> None:
    report(installation)
    report(installation)
    tester = Browser(installation, "tester")
    assert "Add a relation" not in tester.get("/issues/WEB-1").text
    refused = tester.submit("/issues/WEB-1/relations", kind="blocks", target="WEB-2")
    assert refused.status_code == 403
    installation.call("developer", "POST", "/api/v1/issues/1/relations", json={"kind": "blocks", "target": 2})
    assert "Remove: " not in tester.get("/issues/WEB-1").text
    assert tester.submit("/issues/WEB-1/relations/1/remove").status_code == 403


def test_texts_link_to_the_issues_and_people_they_name(installation: Installation) -> None:
    report(installation, title="First <b>")
    report(installation, description="As WEB-1, WEB-77 and UTF-8; @developer knows, @nobody else.")
    installation.call("tester", "POST", "/api/v1/issues/2/comments", json={"body": "See #1 or `#1`, #77"})
    page = Browser(installation, "tester").get("/issues/WEB-2").text
    rel = 'rel="nofollow noopener noreferrer"'
    assert f'As <a href="/issues/WEB-1" title="First &lt;b&gt; (open)" {rel}>WEB-1</a>, WEB-77 and UTF-8' in page
    assert (
        f'<a href="/issues?q=is%3Aopen+assignee%3Adeveloper%40example.com" title="Developer" {rel}>@developer</a>'
        " knows, @nobody else."
    ) in page
    assert f'See <a href="/issues/WEB-1" title="First &lt;b&gt; (open)" {rel}>#1</a> or <code>#1</code>, #77' in page


def test_a_link_tells_nobody_of_an_issue_that_is_hidden_from_them(installation: Installation) -> None:
    hidden = {"project": "WEB", "title": "Secret plan", "restricted": True}
    installation.call("project_manager", "POST", "/api/v1/issues", json=hidden)
    report(installation, description="Because of WEB-1 and #1, as WEB-99 and #99")
    assert "Because of WEB-1 and #1, as WEB-99 and #99" in Browser(installation, "tester").get("/issues/WEB-2").text
    assert 'title="Secret plan (open)"' in Browser(installation, "project_manager").get("/issues/WEB-2").text


def test_a_number_in_an_imported_text_is_a_number_of_the_other_tracker(installation: Installation) -> None:
    for title in ("Ours", "Imported, names #1, #9 and #8", "Imported as 9", "Ours, its key looks the same"):
        report(installation, title=title, description="See #1, #9, #8 and WEB-1")
    with installation.database.transaction() as session:
        for number, key, address in (
            (2, "WEB-7", "https://github.example/x/y/issues/7"),
            (3, "WEB-9", "https://github.example/x/y/issues/9"),
            (4, "WEB-8", None),
        ):
            issue = session.get_one(Issue, number)
            issue.key, issue.source_url = key, address
    browser = Browser(installation, "tester")
    links = re.compile(r'<a href="(/issues/[^"]*)" title="[^"]*"[^>]*>([^<]*)</a>')
    assert links.findall(browser.get("/issues/WEB-7").text) == [("/issues/WEB-9", "#9"), ("/issues/WEB-1", "WEB-1")]
    assert links.findall(browser.get("/issues/WEB-1").text) == [("/issues/WEB-1", "#1"), ("/issues/WEB-1", "WEB-1")]


def test_a_number_in_a_text_imported_without_an_address_leads_nowhere(installation: Installation) -> None:
    report(installation, description="See #1")
    with installation.database.transaction() as session:
        session.add(ImportedRecord(namespace="x", kind="issue", source_id="5", target_id=1, content_hash=""))
    assert "See #1<" in Browser(installation, "tester").get("/issues/WEB-1").text


def test_the_report_form_offers_what_its_project_has(installation: Installation) -> None:
    installation.call("project_manager", "POST", "/api/v1/projects/WEB/components", json={"name": "Checkout"})
    browser = Browser(installation, "tester")
    page = browser.get("/report").text
    assert '<option value="Checkout" >Checkout</option>' in page
    form = {"once": str(uuid4()), "project": "WEB", "title": "T", "component": "Checkout", "labels": " a, b ,"}
    assert browser.submit("/report", **form, environment="Firefox").status_code == 303
    issue = read(installation, 1)
    assert (issue["component"], issue["labels"], issue["environment"]) == ("Checkout", ["a", "b"], "Firefox")


def test_choosing_the_project_keeps_what_was_typed_and_reports_nothing(installation: Installation) -> None:
    installation.call("project_manager", "POST", "/api/v1/projects", json={"key": "MOB", "name": "Mobile"})
    installation.call("project_manager", "POST", "/api/v1/projects/MOB/components", json={"name": "Camera"})
    browser = Browser(installation, "tester")
    page = browser.get("/report").text
    assert "Camera" not in page
    form = {"once": field_value(page, "once"), "project": "MOB", "title": "", "description": "Half a story"}
    chosen = browser.submit("/report", **form, choose="project")
    assert chosen.status_code == 200
    assert "Camera" in chosen.text
    assert re.search(r'<option value="MOB"\s+selected>', chosen.text)
    assert "Half a story</textarea>" in chosen.text
    assert field_value(chosen.text, "once") == form["once"]
    assert installation.call("admin", "GET", "/api/v1/issues")["items"] == []


@pytest.mark.parametrize("others", [0, 1])
def test_a_report_outlives_its_project(installation: Installation, others: int) -> None:
    if others:
        installation.call("project_manager", "POST", "/api/v1/projects", json={"key": "MOB", "name": "Mobile"})
    browser = Browser(installation, "tester")
    form = {"once": str(uuid4()), "project": "WEB", "title": "It breaks", "description": "A long <story>"}
    installation.call("project_manager", "PATCH", "/api/v1/projects/WEB", json={"archived": True})
    page = browser.submit("/report", **form)
    assert page.status_code == 409
    assert "Project WEB is archived." in page.text
    assert "A long &lt;story&gt;" in page.text
    if others:
        assert '<option value="">Choose…</option>' in page.text
        assert browser.submit("/report", **form | {"project": "MOB"}).status_code == 303


def test_a_report_outlives_ones_place_in_the_project(installation: Installation) -> None:
    installation.call("project_manager", "POST", "/api/v1/projects", json={"key": "MOB", "name": "Mobile"})
    installation.call("project_manager", "PATCH", "/api/v1/projects/WEB", json={"visibility": "private"})
    form = {"once": str(uuid4()), "project": "WEB", "title": "It breaks", "description": "A long story"}
    page = Browser(installation, "tester").submit("/report", **form)
    assert page.status_code == 404
    assert "does not exist, or you may not see it." in page.text
    assert "A long story</textarea>" in page.text
    assert '<option value="">Choose…</option>' in page.text


def test_what_is_wrong_is_said_beside_the_field(installation: Installation) -> None:
    form = {"once": str(uuid4()), "project": "WEB", "title": "T", "component": "Nowhere", "labels": "x" * 81}
    page = Browser(installation, "tester").submit("/report", **form)
    assert page.status_code == 422
    said = "No. 1: This is too long. Write at most 80 characters."
    assert said in page.text.split('id="labels-wrong">')[1].split("</span>")[0]
    unknown = Browser(installation, "tester").submit("/report", **form | {"labels": ""})
    assert "Nowhere" in unknown.text.split('id="component-wrong">')[1].split("</span>")[0]


def test_changes_made_together_are_listed_with_commas(installation: Installation) -> None:
    report(installation)
    installation.call("project_manager", "PATCH", "/api/v1/issues/1", json={"status": "closed"})
    page = Browser(installation, "tester").get("/issues/WEB-1").text
    entry = page.split('<li class="change">')[1].split("<time")[0]
    words = " ".join(re.sub(r"<[^>]*>", "", entry).split())
    assert words == "Project Manager set status from open to closed, set resolution to fixed"
