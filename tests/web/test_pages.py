from datetime import timedelta

import pytest

from bugflow.core.clock import utc_now
from bugflow.web.pages import local_address
from bugflow.web.rendering import describe_age
from factories.app import Installation
from factories.browser import Browser


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
