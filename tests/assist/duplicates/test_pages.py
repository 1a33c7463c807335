"""The pages of duplicates in a browser without JavaScript: what they show to whom, and what their forms do."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.tables import DuplicateVerdict
from factories.app import Installation
from factories.browser import Browser, field_value, form_fields

ISSUES = "/api/v1/issues"
CRASH = "Exporting the quarterly spreadsheet crashes with zlib underflow"
AGAIN = "Quarterly spreadsheet export: zlib underflow crash"
HOSTILE = "\"><script>alert(1)</script><b title='x'>zlib quarterly"


def host(installation: Installation, *, loaded: bool = True, **options: Any) -> None:  # noqa: ANN401 -- Any option.
    """Give the application issues in memory that are looked at anew each time, without a thread and an encoder."""
    made = DuplicateHost(installation.database, HostingOptions(**({"refresh_seconds": 0} | options)))
    if loaded:
        made.load()
    installation.client.app.state.duplicates = made  # type: ignore[attr-defined]


@pytest.fixture
def site(installation: Installation) -> Installation:
    host(installation)
    return installation


def report(installation: Installation, title: str, role: str = "tester", **fields: Any) -> str:  # noqa: ANN401 -- JSON.
    body = {"project": "WEB", "title": title} | fields
    key: str = installation.call(role, "POST", ISSUES, json=body)["key"]
    return key


def fill(installation: Installation, many: int = 8) -> None:
    """Report issues that are like nothing here, for what is rare to be so, and take them out of the inbox."""
    for number in range(many):
        key = report(installation, f"Something else number {number} about menus")
        installation.call("developer", "PATCH", f"{ISSUES}/{key}", json={"status": "in_progress"})


def pair(installation: Installation) -> tuple[str, str]:
    """Return an issue and a newer one about the same."""
    fill(installation)
    return report(installation, CRASH), report(installation, AGAIN)


def draft(browser: Browser, title: str = AGAIN, **fields: str) -> str:
    answer = browser.submit("/report/duplicates", **({"project": "WEB", "title": title} | fields))
    assert answer.status_code == 200, answer.text
    return answer.text


def part(browser: Browser, key: str) -> str:
    answer = browser.get(f"/issues/{key}/duplicates/part")
    assert answer.status_code == 200, answer.text
    return answer.text


def said(text: str) -> str:
    """Return what a reader reads of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", text)).split())


def press(browser: Browser, page: str, action: str, number: int = 0) -> Any:  # noqa: ANN401 -- An answer.
    """Send a form of a page as it is."""
    forms = page.split(f'action="{action}"')
    rest = f'action="{action}"'.join(["", *forms[1 + number :]])
    return browser.submit(action, **form_fields(rest, action))


def verdicts(installation: Installation) -> list[tuple[str, dict[str, Any]]]:
    with installation.database.snapshot() as session:
        rows = session.scalars(select(DuplicateVerdict).order_by(DuplicateVerdict.id))
        return [(row.verdict, row.evidence) for row in rows]


def state(installation: Installation, key: str) -> tuple[str, str | None]:
    issue = installation.call("admin", "GET", f"{ISSUES}/{key}")
    return issue["status"], issue["resolution"]


def test_a_draft_shows_older_reports_with_what_became_of_them_and_why(site: Installation) -> None:
    key, _ = pair(site)
    site.call("project_manager", "PATCH", f"{ISSUES}/{key}", json={"status": "resolved", "resolution": "fixed"})
    page = draft(Browser(site, "tester"))
    links = page.count('<a href="/issues/') + page.count('<a class="button"')
    assert page.count(f'href="/issues/{key}"') == 2
    assert page.count('target="_blank"') == page.count('rel="noopener"') == links
    text = said(page)
    assert f"{key} {CRASH}" in text
    assert "regression?" in text
    assert "zlib" in page.split("<details")[1]
    assert "%" not in text
    assert "<html" not in page


@pytest.mark.parametrize(
    "fields",
    [
        {"title": " "},
        {"project": "NONE"},
        {"title": "zlib " * 200},
        {"title": "zlib\0"},
        {"issue_type": "wish"},
        {"title": "Nothing like it"},
    ],
)
def test_a_draft_of_which_nothing_can_be_said_shows_nothing(site: Installation, fields: dict[str, str]) -> None:
    pair(site)
    assert draft(Browser(site, "tester"), **fields).strip() == ""


def test_texts_of_reports_never_become_part_of_a_page(site: Installation) -> None:
    fill(site)
    keys = [report(site, HOSTILE, description=f"{HOSTILE} underflow. Export."), report(site, f"{HOSTILE} again")]
    manager = Browser(site, "project_manager")
    merged = report(site, f"{HOSTILE} twice")
    press(manager, part(manager, merged), f"/issues/{merged}/duplicates/merge")
    pages = [draft(manager, HOSTILE), *(part(manager, key) for key in (*keys, merged))]
    paths = (f"/issues/{keys[1]}/duplicates", f"/issues/{keys[1]}", f"/inbox?at={keys[1]}", f"/inbox?at={HOSTILE}")
    pages += [manager.get(path).text for path in paths]
    assert all("alert(1)" in page for page in pages)
    assert not any("<script>alert" in page or "<b title" in page for page in pages)


def test_what_one_may_not_see_is_on_no_page(site: Installation) -> None:
    fill(site)
    secret = report(site, CRASH, "project_manager", restricted=True)
    public = report(site, AGAIN)
    for role in ("tester", "developer"):
        browser = Browser(site, role)
        assert draft(browser).count('class="candidate"') == 1
        pages = [draft(browser), part(browser, public), browser.get(f"/issues/{public}/duplicates").text]
        pages += [browser.get(f"/inbox?at={public}").text] if role == "developer" else []
        assert not any(f"/issues/{secret}" in page or CRASH in page for page in pages)
        assert browser.get(f"/issues/{secret}/duplicates").status_code == 404
        assert browser.get(f"/issues/{secret}/duplicates/part").status_code == 404
        tried = browser.submit(f"/issues/{public}/duplicates/merge", into=secret)
        assert tried.status_code == 422
        assert f"Issue {secret} does not exist, or you may not see it." in tried.text
    manager = Browser(site, "project_manager")
    assert f"/issues/{secret}" in part(manager, public)
    press(manager, part(manager, public), f"/issues/{public}/duplicates/merge")
    shown = part(Browser(site, "tester"), public)
    assert "An issue that you may not see" in shown
    assert secret not in shown
    assert "On what evidence" not in shown


def test_only_who_may_merge_is_offered_it(site: Installation) -> None:
    older, newer = pair(site)
    tester = Browser(site, "tester")
    assert f"{older} {CRASH}" in said(part(tester, newer))
    assert "<form" not in part(tester, newer)
    for verb, field in (("merge", "into"), ("reject", "other"), ("withdraw", "other"), ("unmerge", "seen")):
        refused = tester.submit(f"/issues/{newer}/duplicates/{verb}", **{field: older})
        assert refused.status_code == 403, verb
    assert state(site, newer) == ("open", None)
    for role in ("developer", "project_manager", "admin"):
        assert "Duplicate of this" in part(Browser(site, role), newer)
    site.call("project_manager", "PATCH", f"{ISSUES}/{newer}", json={"assignee": "admin@example.com"})
    assert "<form" not in part(Browser(site, "developer"), newer)


def test_merging_is_said_with_evidence_and_undone_with_one_button(site: Installation) -> None:
    older, newer = pair(site)
    developer = Browser(site, "developer")
    page = part(developer, newer)
    for _ in range(2):  # A second click.
        merged = press(developer, page, f"/issues/{newer}/duplicates/merge")
        assert (merged.status_code, merged.headers["location"]) == (303, f"/issues/{newer}#duplicates")
    assert state(site, newer) == ("closed", "duplicate")
    [(verdict, evidence)] = verdicts(site)
    assert verdict == "merged"
    assert {each["what"] for each in evidence["reasons"]} >= {"zlib", "underflow"}
    text = said(part(developer, newer))
    assert f"Duplicate of {older} {CRASH}" in text
    assert "Merged by Developer just now" in text
    assert "zlib" in text.split("On what evidence")[1]
    canonical = part(developer, older)
    assert f"Duplicates of this issue {newer} {AGAIN}" in said(canonical)
    assert "<form" not in part(Browser(site, "tester"), newer)
    undone = press(developer, canonical, f"/issues/{newer}/duplicates/unmerge")
    assert undone.headers["location"] == f"/issues/{older}#duplicates"
    assert state(site, newer) == ("open", None)
    again = press(developer, canonical, f"/issues/{newer}/duplicates/unmerge")
    assert again.status_code == 409
    assert f"{newer} is no duplicate, so there is nothing to unmerge." in again.text


def test_the_probability_that_somebody_saw_is_told_in_words(site: Installation) -> None:
    older, newer = pair(site)
    for probability, words in (
        (0.97, "very likely, at least 97 %"),
        (0.999, "very likely, at least 99 %"),
        (0.07, "possible, at least 7 %"),
    ):
        body = {"into": older, "evidence": {"probability": probability, "reasons": [{"kind": "new", "what": "<i>"}]}}
        site.call("developer", "POST", f"{ISSUES}/{newer}/merge", json=body)
        text = said(part(Browser(site, "tester"), newer))
        assert words in text
        assert "new: <i>" in text
        site.call("developer", "POST", f"{ISSUES}/{newer}/unmerge")


def test_a_merge_that_was_never_suggested_is_made_by_naming_the_issue(site: Installation) -> None:
    fill(site)
    older, newer = report(site, "Black screen"), report(site, "White picture")
    developer, path = Browser(site, "developer"), f"/issues/{newer}/duplicates"
    assert "No older issue is like this one." in developer.get(path).text
    for named, status, words in (
        ("", 422, "Name the other issue, such as WEB-7 or #7."),
        ("WEB-99", 422, "Issue WEB-99 does not exist, or you may not see it."),
        (newer, 422, f"{newer} is one and the same issue. Name another one."),
    ):
        page = developer.submit(f"{path}/merge", into=named, back=path)
        assert page.status_code == status
        assert words in page.text.split('id="into-wrong">')[1].split("</span>")[0]
        assert field_value(page.text, "into") == named
    wrong_way = developer.submit(f"/issues/{older}/duplicates/merge", into=newer)
    assert wrong_way.status_code == 409
    assert f"{newer} is newer than {older}." in wrong_way.text
    assert developer.submit(f"{path}/merge", into=older.lower(), back=path).headers["location"] == path
    assert "Found without a suggestion." in developer.get(path).text
    assert verdicts(site) == [("merged", {})]


def test_of_two_who_merge_at_once_the_second_is_told(site: Installation) -> None:
    fill(site, 2)
    first, second, third = (report(site, f"Bug number {number}") for number in range(3))
    manager, path = Browser(site, "project_manager"), f"/issues/{third}/duplicates/merge"
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda key: manager.submit(path, into=key), (first, second)))
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    [refused] = [answer for answer in answers if answer.status_code == 409]
    assert f"{third} is already a duplicate of" in refused.text
    assert [verdict for verdict, _ in verdicts(site)] == ["merged"]


def test_a_form_undoes_only_the_merge_that_it_was_shown_for(site: Installation) -> None:
    older, newer = pair(site)
    developer = Browser(site, "developer")
    press(developer, part(developer, newer), f"/issues/{newer}/duplicates/merge")
    page = part(developer, newer)
    site.call("project_manager", "POST", f"{ISSUES}/{newer}/unmerge")
    site.call("project_manager", "POST", f"{ISSUES}/{newer}/merge", json={"into": "WEB-1"})
    refused = press(developer, page, f"/issues/{newer}/duplicates/unmerge")
    assert refused.status_code == 409
    assert f"{newer} is no longer a duplicate of {older}" in refused.text
    assert state(site, newer) == ("closed", "duplicate")


def test_where_the_status_was_changed_since_undoing_a_merge_says_that_it_stays(site: Installation) -> None:
    _, newer = pair(site)
    developer = Browser(site, "developer")
    press(developer, part(developer, newer), f"/issues/{newer}/duplicates/merge")
    site.call("project_manager", "PATCH", f"{ISSUES}/{newer}", json={"resolution": "wontfix"})
    undone = press(developer, part(developer, newer), f"/issues/{newer}/duplicates/unmerge")
    page = developer.get(undone.headers["location"]).text
    assert f"{newer} is no duplicate any more. Its status stays as it is" in page
    assert state(site, newer) == ("closed", "wontfix")


def test_a_rejected_pair_is_listed_and_can_be_taken_back(site: Installation) -> None:
    older, newer = pair(site)
    developer, reject = Browser(site, "developer"), f"/issues/{newer}/duplicates/reject"
    page = part(developer, newer)
    for _ in range(2):
        assert press(developer, page, reject).status_code == 303
    [(verdict, evidence)] = verdicts(site)
    assert verdict == "rejected"
    assert evidence["reasons"]
    page = part(developer, newer)
    assert "No older issue is like this one." in page
    assert f"Said to be no duplicates (1) {older}" in said(page)
    assert "Take back" not in part(Browser(site, "tester"), newer)
    for _ in range(2):
        assert press(developer, page, f"/issues/{newer}/duplicates/withdraw").status_code == 303
    assert "Duplicate of this" in part(developer, newer)
    merged = developer.submit(f"/issues/{newer}/duplicates/merge", into=older)
    assert merged.status_code == 303
    refused = press(developer, page, f"/issues/{newer}/duplicates/withdraw")
    assert refused.status_code == 303
    late = developer.submit(reject, other=older)
    assert late.status_code == 409
    assert f"{newer} and {older} are merged." in late.text


def test_forms_of_other_sites_and_damaged_ones_do_nothing(site: Installation) -> None:
    older, newer = pair(site)
    developer = Browser(site, "developer")
    for path, field in ((f"/issues/{newer}/duplicates/merge", "into"), ("/inbox/merge", "into")):
        fields = {field: older, "issue": newer}
        assert developer.send(path, fields, Sec_Fetch_Site="cross-site").status_code == 403
        for evidence in ("{", '{"probability": 7}', json.dumps({"reasons": [{"kind": "word", "what": "x" * 501}]})):
            damaged = developer.submit(path, **fields, evidence=evidence)
            assert damaged.status_code == 422
            assert "The form is damaged. Load the page again." in damaged.text
    assert Browser(site, None).submit(f"/issues/{newer}/duplicates/merge", into=older).status_code == 401
    abroad = developer.submit(f"/issues/{newer}/duplicates/merge", into=older, back="https://example.com/")
    assert abroad.headers["location"] == "/"
    assert [verdict for verdict, _ in verdicts(site)] == ["merged"]
    for path in (f"/issues/{newer}/duplicates/{verb}" for verb in ("merge", "unmerge", "reject", "withdraw")):
        assert developer.get(path).headers["location"] == f"/issues/{newer}/duplicates"
    assert developer.get("/inbox/merge").headers["location"] == "/inbox"
    assert developer.get("/report/duplicates").headers["location"] == "/report"


def test_without_javascript_a_new_report_leads_to_what_is_like_it(site: Installation) -> None:
    older, _ = pair(site)
    developer = Browser(site, "developer")
    form = developer.get("/report").text
    once = field_value(form, "once")
    made = developer.submit("/report", once=once, project="WEB", title=CRASH + " too").headers["location"]
    page = developer.get(made).text
    assert f'href="{made}/duplicates">Show possible duplicates</a>' in page
    page = developer.get(f"{made}/duplicates").text
    assert f"{older} {CRASH}" in said(page)
    merged = press(developer, page, f"{made}/duplicates/merge")
    assert merged.headers["location"] == f"{made}/duplicates"
    assert re.search(rf"Duplicate of (WEB-10 {AGAIN}|{older} {CRASH})", said(developer.get(made).text))


def test_an_issue_says_whether_anybody_looks_for_duplicates(site: Installation) -> None:
    older, newer = pair(site)
    developer = Browser(site, "developer")
    assert "compared by their words alone" in part(developer, newer)
    host(site, loaded=False)
    for page in (part(developer, newer), developer.get(f"/inbox?at={newer}").text):
        assert "The issues are being loaded." in page
        assert older in page
    host(site, loaded=False, enabled=False)
    assert draft(developer).strip() == ""
    page = part(developer, newer)
    assert "it is switched off" in page
    assert developer.submit(f"/issues/{newer}/duplicates/merge", into=older).status_code == 303


def waiting(page: str) -> list[str]:
    """Return the keys of the inbox's list, the current one with a star."""
    rows = page.split('class="waiting"')[1].partition("</ol>")[0].split("<li>")[1:]
    found = [(re.findall(r'class="key">([^<]*)<', row)[0], "aria-current" in row) for row in rows]
    return [f"{key}*" if current else key for key, current in found]


def test_the_inbox_lists_open_issues_that_are_nobodys_newest_first(site: Installation) -> None:
    first, second, third = (report(site, f"Waiting {number}") for number in range(3))
    taken, closed, merged = (report(site, f"Done {number}") for number in range(3))
    site.call("developer", "PATCH", f"{ISSUES}/{taken}", json={"assignee": "developer@example.com"})
    site.call("developer", "PATCH", f"{ISSUES}/{closed}", json={"status": "closed", "resolution": "wontfix"})
    relation = {"kind": "duplicate_of", "target": first}
    site.call("developer", "POST", f"{ISSUES}/{merged}/relations", json=relation)
    hidden = report(site, "Secret", "project_manager", restricted=True)
    developer = Browser(site, "developer")
    assert waiting(developer.get("/inbox").text) == [f"{third}*", second, first]
    assert waiting(Browser(site, "admin").get("/inbox").text) == [f"{hidden}*", third, second, first]
    page = developer.get(f"/inbox?at={second.lower()}").text
    assert waiting(page) == [third, f"{second}*", first]
    assert f'data-key="k"\n               href="/inbox?at={third}"' in page
    assert f'data-key="j"\n               href="/inbox?at={first}"' in page
    for gone in (closed, hidden, "WEB-99"):
        assert f"{gone} does not wait here, or you may not see it." in said(developer.get(f"/inbox?at={gone}").text)
    site.call("admin", "PATCH", "/api/v1/projects/WEB", json={"archived": True})
    assert "Nothing is waiting" in developer.get("/inbox").text


def test_the_inbox_is_for_those_who_work_on_issues(site: Installation) -> None:
    tester = Browser(site, "tester")
    refused = tester.get("/inbox")
    assert refused.status_code == 403
    assert 'href="/inbox"' not in tester.get("/issues").text
    for role in ("developer", "project_manager", "admin"):
        browser = Browser(site, role)
        assert 'href="/inbox"' in browser.get("/issues").text
        assert "Nothing is waiting" in browser.get("/inbox").text
    assert Browser(site, None).get("/inbox").headers["location"].startswith("/sign-in")


def test_a_long_inbox_is_paged(site: Installation) -> None:
    keys = [report(site, f"Waiting {number}") for number in range(30)][::-1]
    developer = Browser(site, "developer")
    first = developer.get("/inbox").text
    assert waiting(first) == [f"{keys[0]}*", *keys[1:17]]
    assert "30 waiting" in said(first)
    assert ">Newer</a>" not in first
    address = unescape(first.split(">Older</a>")[0].rsplit('href="', 1)[1].split('"')[0])
    second = developer.get(address).text
    assert waiting(second) == [*keys[9:17], f"{keys[17]}*", *keys[18:]]
    assert ">Older</a>" not in second
    assert f"/inbox?at={keys[8]}" in second.split(">Newer</a>")[0].rsplit("<a", 1)[1]


def test_in_the_inbox_one_merges_goes_on_and_undoes(site: Installation) -> None:
    older, newer = pair(site)
    developer = Browser(site, "developer")
    page = developer.get(f"/inbox?at={newer}").text
    assert waiting(page) == [f"{newer}*", older]
    for _ in range(2):
        merged = press(developer, page, "/inbox/merge")
        assert merged.status_code == 303
    assert state(site, newer) == ("closed", "duplicate")
    assert [(verdict, bool(evidence["reasons"])) for verdict, evidence in verdicts(site)] == [("merged", True)]
    following = developer.get(merged.headers["location"]).text
    assert waiting(following) == [f"{older}*"]
    assert f"{newer} merged into {older} ." in said(following)
    assert "does not wait here" not in following
    assert 'action="/inbox/undo"' not in Browser(site, "admin").get(merged.headers["location"]).text
    verdict = form_fields(following, "/inbox/undo")["verdict"]
    refused = Browser(site, "admin").submit("/inbox/undo", verdict=verdict, at=older)
    assert refused.status_code == 409
    undone = press(developer, following, "/inbox/undo")
    assert undone.headers["location"] == f"/inbox?at={newer}&done={verdict}"
    page = developer.get(undone.headers["location"]).text
    assert waiting(page) == [f"{newer}*", older]
    assert "Undone:" in page
    assert 'action="/inbox/undo"' not in page
    for number in (verdict, "0", "x", "99999999999", str(2**31 - 1)):
        again = developer.submit("/inbox/undo", verdict=number, at=newer)
        assert again.status_code == 409
        assert "There is nothing to undo here" in again.text


def test_in_the_inbox_one_rejects_stays_and_undoes(site: Installation) -> None:
    older, newer = pair(site)
    developer = Browser(site, "developer")
    page = developer.get(f"/inbox?at={newer}").text
    for _ in range(2):
        rejected = press(developer, page, "/inbox/reject")
        assert rejected.headers["location"].startswith(f"/inbox?at={newer}&done=")
    page = developer.get(rejected.headers["location"]).text
    assert f"{newer} is no duplicate of {older} ." in said(page)
    assert "No older issue is like this one." in page
    assert f"done={form_fields(page, '/inbox/undo')['verdict']}" in page.split('data-key="j"')[1].split(">")[0]
    assert press(developer, page, "/inbox/undo").status_code == 303
    assert "Duplicate of this" in developer.get(f"/inbox?at={newer}").text
    assert [verdict for verdict, _ in verdicts(site)] == ["rejected", "withdrawn"]


def test_in_the_inbox_what_somebody_else_did_meanwhile_is_explained(site: Installation) -> None:
    older, newer = pair(site)
    developer = Browser(site, "developer")
    page = developer.get(f"/inbox?at={newer}").text
    site.call("project_manager", "POST", f"{ISSUES}/{newer}/merge", json={"into": "WEB-1"})
    late = press(developer, page, "/inbox/merge")
    assert late.status_code == 409
    assert f"{newer} is already a duplicate of WEB-1." in late.text
    site.call("project_manager", "PATCH", f"{ISSUES}/{newer}", json={"restricted": True})
    vanished = press(developer, page, "/inbox/merge")
    assert vanished.status_code == 404
    assert f"Issue {newer} does not exist, or you may not see it." in vanished.text
    assert waiting(vanished.text) == [f"{older}*"]
    site.call("project_manager", "PATCH", f"{ISSUES}/{older}", json={"assignee": "admin@example.com"})
    refused = developer.submit("/inbox/merge", issue=older, into="WEB-1")
    assert refused.status_code == 403
