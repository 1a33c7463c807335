from datetime import timedelta
from pathlib import Path

import pytest
from httpx2 import Response
from sqlalchemy import text

from bugflow.core.clock import utc_now
from bugflow.web.addresses import local_address
from bugflow.web.rendering import describe_age
from factories.app import PASSWORD, Installation, run_installation
from factories.browser import Browser, form_fields

STORY = 'At noon:\r\n\r\n  "it" <b>breaks</b> & burns\r\n'


def test_a_page_carries_the_headers_that_keep_a_browser_safe(installation: Installation) -> None:
    page = Browser(installation, "tester").get("/issues")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "private, no-cache"
    assert "<script>" not in page.text
    assert "style=" not in page.text


def test_static_files_are_kept_under_an_address_that_changes_with_them(installation: Installation) -> None:
    page = Browser(installation, "tester").get("/issues").text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "?v=" in address
    style = installation.client.get(address)
    assert style.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert installation.client.get(address.split("?")[0]).headers["cache-control"] == "no-cache"
    assert installation.client.get("/static/../app.py").status_code == 404


def test_an_error_is_a_page_for_people_and_problem_details_for_programs(installation: Installation) -> None:
    page = Browser(installation, "tester").get("/issues/999999")
    assert page.status_code == 404
    assert "Issue 999999 does not exist, or you may not see it." in page.text
    answer = installation.refuse("tester", "GET", "/api/v1/issues/999999", 404)
    assert answer["title"] == "Not Found"


def test_an_error_page_shows_text_of_others_as_text(installation: Installation) -> None:
    page = Browser(installation, "tester").get("/issues/<script>alert(1)<%2Fscript>")
    assert page.status_code == 404
    assert "<script>alert" not in page.text


def test_the_choice_of_colours_is_remembered(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    answer = browser.submit("/theme", theme="dark", back="/report")
    assert answer.headers["location"] == "/report"
    browser.cookie += "; " + answer.headers["set-cookie"].split(";")[0]
    assert 'data-theme="dark"' in browser.get("/issues").text
    assert browser.submit("/theme", theme="pink", back="/").status_code == 422


def test_changing_the_colours_keeps_the_list_that_one_looks_at(installation: Installation) -> None:
    page = Browser(installation, "tester").get("/issues?q=team:Backend&cursor=").text
    assert 'name="back" value="/issues?q=team:Backend&amp;cursor="' in page
    long = Browser(installation, "tester").get(f"/issues?q={'%C3%BC' * 900}").text
    assert 'name="back" value="/issues"' in long


def test_changing_the_colours_of_a_refused_form_leads_to_the_page_it_was_on(installation: Installation) -> None:
    installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": "Crash"})
    browser = Browser(installation, "tester")
    sent = {"Referer": "http://testserver/issues/WEB-1?a=b"}
    page = browser.send("/issues/WEB-1/comments", {"body": " "}, **sent)
    assert page.status_code == 422
    assert 'name="back" value="/issues/WEB-1?a=b"' in page.text


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("/issues?q=is:open", "/issues?q=is:open"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\/evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("issues", "/"),
        ("", "/"),
    ],
)
def test_one_is_sent_back_only_within_this_site(given: str, taken: str) -> None:
    assert local_address(given) == taken


def test_ages_are_told_in_the_largest_unit() -> None:
    now = utc_now()
    ages = {
        "just now": 5,
        "1 minute ago": 60,
        "5 hours ago": 18_000,
        "2 weeks ago": 1_728_000,
        "2 years ago": 69_120_000,
    }
    assert [describe_age(now - timedelta(seconds=seconds)) for seconds in ages.values()] == list(ages)
    assert describe_age(now + timedelta(days=3, hours=1)) == "in 3 days"


def sign_in(browser: Browser, page: str, **other: str) -> Response:
    fields = form_fields(page, "/sign-in") | {"email": "tester@example.com", "password": PASSWORD} | other
    answer = browser.submit("/sign-in", **fields)
    if "set-cookie" in answer.headers:
        browser.cookie = answer.headers["set-cookie"].split(";")[0]
    return answer


def test_what_is_typed_outlives_the_session(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    once = form_fields(browser.get("/report").text, "/report")["once"]
    browser.submit("/sign-out")
    form = {"once": once, "project": "WEB", "title": "It breaks", "description": STORY, "severity": "high"}
    asked = browser.submit("/report", **form)
    assert asked.status_code == 401
    assert "You are no longer signed in, so this was not sent. Nothing is lost" in asked.text
    assert "&lt;b&gt;breaks&lt;/b&gt; &amp; burns" in asked.text
    assert "location" not in asked.headers
    wrong = sign_in(browser, asked.text, password="not it")
    assert wrong.status_code == 401
    offered = sign_in(browser, wrong.text)
    assert offered.status_code == 200
    assert form_fields(offered.text, "/report") == form
    assert installation.call("admin", "GET", "/api/v1/issues")["items"] == []
    assert browser.submit("/report", **form_fields(offered.text, "/report")).headers["location"] == "/issues/WEB-1"
    assert installation.call("admin", "GET", "/api/v1/issues/1")["description"] == STORY.replace("\r\n", "\n")


def test_a_comment_outlives_the_session_with_the_button_that_sent_it(installation: Installation) -> None:
    installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": "Crash"})
    browser = Browser(installation, None)
    asked = browser.submit("/issues/WEB-1/comments", body="Mine to close", status="closed", after="0")
    offered = sign_in(browser, asked.text)
    browser.submit("/issues/WEB-1/comments", **form_fields(offered.text, "/issues/WEB-1/comments"))
    assert installation.call("admin", "GET", "/api/v1/issues/1")["status"] == "closed"
    assert "Mine to close" in browser.get("/issues/WEB-1").text


@pytest.mark.parametrize("headers", [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}])
@pytest.mark.parametrize("role", ["tester", None])
def test_what_another_site_sends_is_neither_kept_nor_offered(
    installation: Installation, role: str | None, headers: dict[str, str]
) -> None:
    page = Browser(installation, role).send("/report", {"title": "Planted", "project": "WEB"}, **headers)
    assert page.status_code == 403
    assert "Planted" not in page.text


def test_a_kept_form_is_sent_within_this_site_only(installation: Installation) -> None:
    carried = {"kept-action": "https://evil.example/", "kept:title": "x", "next": "//evil.example/"}
    login = {"email": "tester@example.com", "password": PASSWORD}
    page = Browser(installation, None).submit("/sign-in", **login, **carried)
    assert page.status_code == 200
    assert "evil.example" not in page.text


def test_the_password_is_never_shown_again(installation: Installation) -> None:
    page = Browser(installation, None).submit("/sign-in", email="a@example.com", password="sw0rdfish", next="/")
    assert "sw0rdfish" not in page.text


def test_who_typed_nothing_is_sent_to_sign_in_and_back_to_the_page(installation: Installation) -> None:
    browser = Browser(installation, None)
    asked = browser.send("/issues/7/watch", {"watch": "yes"}, Referer="http://testserver/issues/7?x=1")
    assert asked.headers["location"] == "/sign-in?next=%2Fissues%2F7%3Fx%3D1"
    elsewhere = browser.send("/issues/7/watch", {"watch": "yes"}, Referer="https://evil.example/issues/7")
    assert elsewhere.headers["location"] == "/sign-in"


def test_what_is_typed_outlives_an_issue_that_is_taken_away(installation: Installation) -> None:
    installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": "Crash"})
    installation.call("project_manager", "PATCH", "/api/v1/issues/1", json={"restricted": True})
    browser = Browser(installation, "developer")
    page = browser.submit("/issues/WEB-1/comments", body=STORY)
    assert page.status_code == 404
    assert "It is not stored." in page.text
    assert "&lt;b&gt;breaks&lt;/b&gt;" in page.text
    assert form_fields(page.text, "/issues/WEB-1/comments") == {"body": STORY}


def test_what_is_typed_outlives_a_limit(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", page_limit_per_minute=1) as running:
        browser = Browser(running, "tester")
        browser.get("/issues")
        page = browser.submit("/report", project="WEB", title="It breaks", description=STORY)
    assert page.status_code == 429
    assert form_fields(page.text, "/report")["description"] == STORY


def test_a_problem_page_keeps_the_navigation(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    page = browser.get("/issues/999999").text
    assert '<nav aria-label="Main">' in page
    assert "Sign out" in page
    assert '<span class="who" title="tester">Tester</span>' in page
    assert ">Go to the issues</a>" in page


NAME = '<span class="who" title="tester">Tester</span>'


@pytest.mark.parametrize("path", ["/nowhere", "/issues/1/nothing", "/static/nothing.css", "/api/v1/nowhere"])
def test_a_problem_page_of_an_address_that_nobody_serves_knows_its_reader(
    installation: Installation, path: str
) -> None:
    page = Browser(installation, "tester").get(path)
    assert page.status_code == 404
    assert NAME in page.text
    assert "Sign out" in page.text
    stranger = Browser(installation, None).get(path)
    assert stranger.status_code == 404
    assert '<nav aria-label="Main">' in stranger.text
    assert "Sign out" not in stranger.text


def test_a_page_that_is_refused_before_its_endpoint_knows_its_reader(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", page_limit_per_minute=1, max_body_bytes=2000) as running:
        browser = Browser(running, "tester")
        method = browser.submit("/issues")
        assert (method.status_code, NAME in method.text) == (405, True)
        body = browser.submit("/report", title="x" * 3000)
        assert (body.status_code, NAME in body.text) == (413, True)
        browser.get("/issues")
        often = browser.get("/issues")
        assert (often.status_code, NAME in often.text) == (429, True)


def test_a_problem_page_is_shown_although_nobody_can_be_looked_up(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    with installation.database.transaction() as session:
        session.execute(text("ALTER TABLE users RENAME TO people"))
    page = browser.get("/nowhere")
    assert page.status_code == 404
    assert "There is nothing at /nowhere." in page.text
