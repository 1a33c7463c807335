"""Duplicates for people with and without a mouse: while typing, on the issue's page, in the inbox."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from factories.site import Site, press

CRASH = "Exporting the quarterly spreadsheet crashes with zlib underflow"
AGAIN = "Quarterly spreadsheet export: zlib underflow crash"
ASKED = "**/report/duplicates"
OTHER = "Voltmeter needle shows the wrong colour"


def report(site: Site, title: str, **fields: Any) -> str:  # noqa: ANN401 -- JSON.
    body = {"project": "WEB", "title": title, **fields}
    key: str = site.installation.call("tester", "POST", "/api/v1/issues", json=body)["key"]
    return key


@pytest.fixture
def tracker(site: Site) -> Site:
    """Issues in memory that are looked at anew each time, compared by their words."""
    host = DuplicateHost(site.installation.database, HostingOptions(refresh_seconds=0))
    host.load()
    site.installation.client.app.state.duplicates = host  # type: ignore[attr-defined]
    for number in range(6):
        key = report(site, f"Something else number {number} about menus")
        site.installation.call("developer", "PATCH", f"/api/v1/issues/{key}", json={"status": "in_progress"})
    return site


def read(page: Page, width: int = 1280) -> None:
    """Fail where the page cannot be read by all, or is wider than the window."""
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in violations] == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


def test_typing_shows_older_reports_and_the_last_answer_is_of_the_last_text(tracker: Site) -> None:
    older, other = report(tracker, CRASH), report(tracker, OTHER, description="Barometers do, too.")
    page = tracker.open("tester")
    page.goto("/report")
    held: list[Route] = []
    page.route(ASKED, lambda route: route.continue_() if held else held.append(route))
    with page.expect_request(ASKED):
        page.get_by_label("Title").fill(AGAIN)
    page.get_by_label("Title").fill("Colour of the voltmeter needle is wrong")
    page.wait_for_timeout(500)  # By now it wants to ask again.
    expect(page.locator("[data-asks]")).to_be_empty()
    held[0].continue_()
    section = page.get_by_role("region", name="An older report may be the same bug")
    expect(section.get_by_role("link", name=f"{other} {OTHER}")).to_be_visible()
    expect(section.get_by_role("link", name=older)).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("An older report may be the same bug")
    section.get_by_text("Why").click()
    expect(section).to_contain_text("voltmeter")
    with page.expect_response(ASKED):
        page.get_by_label("Description").fill("Like barometers.")
    expect(section).to_contain_text("barometers")
    expect(section.locator("details")).to_have_attribute("open", "")
    read(page)
    with page.expect_popup() as opened:
        section.get_by_role("link", name="This is it").click()
    opened.value.wait_for_url(f"**/issues/{other}")
    expect(page.get_by_label("Description")).to_have_value("Like barometers.")
    page.get_by_label("Title").fill("")
    page.get_by_label("Description").fill("")
    expect(page.locator("[data-asks]")).to_be_empty()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 320)])
def test_an_issue_is_merged_on_its_page_and_that_is_undone(tracker: Site, theme: str, width: int) -> None:
    older, newer = report(tracker, CRASH), report(tracker, AGAIN)
    page = tracker.open("developer", theme=theme, width=width)
    page.goto(f"/issues/{newer}")
    section = page.locator("#duplicates")
    section.get_by_text("Why").click()
    expect(section).to_contain_text("zlib")
    read(page, width)
    section.get_by_role("button", name=f"Duplicate of this: {older}").click()
    page.wait_for_url(f"**/issues/{newer}#duplicates")
    expect(section.get_by_role("heading", name="Duplicate of")).to_be_visible()
    expect(page.locator("article > header .status")).to_have_text("closed")
    section.get_by_text("On what evidence").click()
    read(page, width)
    section.get_by_role("link", name=older).click()
    page.wait_for_url(f"**/issues/{older}")
    expect(section.get_by_role("link", name=newer)).to_be_visible()
    section.get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**/issues/{older}#duplicates")
    expect(section.get_by_role("link", name=newer)).to_have_count(0)
    page.goto(f"/issues/{newer}/duplicates")
    page.get_by_text("Merge into another issue").click()
    page.get_by_role("textbox", name="Duplicate of").fill("WEB-99")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_role("textbox", name="Duplicate of")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("WEB-99 does not exist")
    read(page, width)
    tracker.complaints[:] = [each for each in tracker.complaints if "status of 422" not in each]


@pytest.mark.parametrize(("theme", "width"), [("dark", 1280), ("light", 320)])
def test_the_inbox_is_worked_off_with_the_keyboard_alone(tracker: Site, theme: str, width: int) -> None:
    older, second, newer = report(tracker, CRASH), report(tracker, f"{CRASH} on save"), report(tracker, AGAIN)
    page = tracker.open("developer", theme=theme, width=width)
    current = page.locator(".waiting [aria-current] .key")
    press(page, "g")
    press(page, "t")
    page.wait_for_url("**/inbox")
    expect(current).to_have_text(newer)
    press(page, "j")
    expect(current).to_have_text(second)
    press(page, "k")
    expect(current).to_have_text(newer)
    page.get_by_label("Search all issues").focus()
    page.keyboard.type("23ju")
    expect(page.get_by_label("Search all issues")).to_have_value("23ju")
    expect(current).to_have_text(newer)
    press(page, "Escape")
    candidates = page.locator("article .candidate")
    expect(candidates).to_have_count(2)
    named = [(each.inner_text().split()[0]) for each in candidates.locator(".what").all()]
    candidates.nth(1).get_by_text("Why").focus()
    press(page, "Enter")
    read(page, width)
    press(page, "3")  # Of the focused one, not of the first.
    notice = page.locator(".notice")
    expect(notice).to_contain_text(f"{newer} is no duplicate of {named[1]}")
    expect(candidates).to_have_count(1)
    press(page, "2")
    expect(notice).to_contain_text(f"{newer} merged into {named[0]}")
    expect(current).to_have_text(second)
    read(page, width)
    press(page, "u")
    expect(notice).to_contain_text("Undone")
    expect(current).to_have_text(newer)
    for key in (older, second, newer):
        tracker.installation.call(
            "project_manager", "PATCH", f"/api/v1/issues/{key}", json={"assignee": "admin@example.com"}
        )
    page.goto("/inbox")
    expect(page.get_by_text("Nothing is waiting")).to_be_visible()
    read(page, width)
