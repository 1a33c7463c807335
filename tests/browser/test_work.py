"""A day's work in the browser."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from factories.app import PASSWORD
from factories.site import Site, press

STORY = "1. Open the page\n2. Press *Pay*\n\nExpected: paid. See #1."
WIDE = f"\n\n```\n{'x' * 300}\n```\n\n| a | b |\n|---|---|\n| `{'y' * 200}` | 2 |"


def report(site: Site, title: str, **fields: object) -> str:
    body = {"project": "WEB", "title": title, **fields}
    key: str = site.installation.call("tester", "POST", "/api/v1/issues", json=body)["key"]
    return key


def sign_in(page: Page, role: str) -> None:
    page.get_by_label("E-mail address").fill(f"{role}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def forgive(site: Site, *statuses: int) -> None:
    """Chromium names every such answer in its console."""
    expected = tuple(f"status of {status}" for status in statuses)
    site.complaints[:] = [each for each in site.complaints if not any(words in each for words in expected)]


def test_a_bug_is_reported_found_worked_on_and_closed(site: Site) -> None:
    page = site.open("tester")
    page.get_by_role("main").get_by_role("link", name="Report a bug").click()
    page.get_by_label("Title").fill("Pay button does nothing")
    page.get_by_label("Description").fill(STORY)
    page.get_by_label("Severity").select_option("high")
    page.get_by_role("button", name="Report").click()
    page.wait_for_url("**/issues/WEB-1")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pay button does nothing")
    expect(page.locator(".markdown ol li")).to_have_count(2)

    developer = site.open("developer")
    developer.get_by_label("Search all issues").fill("pay button")
    press(developer, "Enter")
    developer.get_by_role("link", name="Pay button does nothing").click()
    developer.get_by_role("button", name="Start work").click()
    expect(developer.locator(".facts .status")).to_have_text("in progress")
    developer.get_by_label("Comment").fill("Fixed: listened to the **wrong** event.")
    developer.get_by_role("button", name="Resolve").click()
    expect(developer.locator(".facts .status")).to_have_text("resolved")

    page.reload()
    expect(page.locator(".comment")).to_contain_text("Fixed: listened to the wrong event.")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".facts .status")).to_have_text("closed")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto("/issues/WEB-1")
    page.wait_for_url("**/sign-in?next=**")


def test_of_two_people_who_edit_at_once_the_second_sees_both_values(site: Site) -> None:
    key = report(site, "Slow list")
    first, second = site.open("project_manager"), site.open("developer")
    for page in (first, second):
        page.goto(f"/issues/{key}")
    first.get_by_label("Severity").select_option("low")
    first.get_by_role("button", name="Save fields").click()
    expect(first.locator(".facts .severity")).to_have_text("low")
    second.get_by_label("Severity").select_option("critical")
    second.get_by_role("button", name="Save fields").click()
    expect(second.get_by_role("alert")).to_contain_text("was changed by someone else")
    expect(second.get_by_label("Severity")).to_have_value("critical")
    expect(second.get_by_text("now: low")).to_be_visible()
    second.get_by_role("button", name="Save fields").click()
    expect(second.locator(".facts .severity")).to_have_text("critical")
    forgive(site, 409)


def test_the_keyboard_is_enough(site: Site) -> None:
    for title in ("First", "Second", "Third"):
        report(site, title)
    page = site.open("developer")
    press(page, "j")
    expect(page.get_by_role("link", name="Third")).to_be_focused()
    press(page, "j")
    press(page, "j")
    press(page, "k")
    expect(page.get_by_role("link", name="Second")).to_be_focused()
    press(page, "Enter")
    page.wait_for_url("**/issues/WEB-2")
    press(page, "/")
    expect(page.get_by_label("Search all issues")).to_be_focused()
    press(page, "Escape")
    press(page, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press(page, "Escape")
    press(page, "c")
    page.wait_for_url("**/report")
    expect(page.get_by_label("Title")).to_be_focused()
    page.keyboard.type("gi is text here")
    expect(page.get_by_label("Title")).to_have_value("gi is text here")
    page.get_by_label("Title").fill("")
    page.evaluate("document.querySelector('[data-changed]').removeAttribute('data-changed')")
    press(page, "Escape")
    press(page, "g")
    press(page, "i")
    page.wait_for_url("**/issues")


def test_a_project_shows_what_it_offers_as_soon_as_it_is_chosen(site: Site) -> None:
    for path, body in (
        ("projects", {"key": "MOB", "name": "Mobile"}),
        ("projects/MOB/components", {"name": "Camera"}),
    ):
        site.installation.call("project_manager", "POST", f"/api/v1/{path}", json=body)
    page = site.open("tester")
    page.goto("/report")
    page.get_by_label("Description").fill(STORY)
    page.get_by_label("Project").focus()
    press(page, "ArrowDown")  # On the way to another one, so that nothing is shown yet.
    expect(page.get_by_label("Project")).to_have_value("MOB")
    expect(page.get_by_label("Component")).to_have_count(0)
    page.get_by_label("Title").focus()
    page.get_by_label("Project").select_option("WEB")
    page.get_by_label("Project").select_option("MOB")
    page.get_by_label("Component").select_option("Camera")
    expect(page.get_by_label("Description")).to_have_value(STORY)
    page.get_by_label("Title").fill("Black picture")
    press(page, "Enter")
    page.wait_for_url("**/issues/MOB-1")


def test_a_second_click_does_nothing(site: Site) -> None:
    key = report(site, "Double")
    page = site.open("tester")
    page.goto(f"/issues/{key}")
    page.get_by_label("Comment").fill("Once")
    page.evaluate("for (const _ of [1, 2, 3]) document.querySelector('main form .main').click()")
    expect(page.locator(".comment")).to_have_count(1)
    page.reload()
    expect(page.locator(".comment")).to_have_count(1)


def test_everything_works_without_javascript(site: Site) -> None:
    context = site.browser.new_context(base_url=site.address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/sign-in")
    sign_in(page, "tester")
    page.get_by_role("main").get_by_role("link", name="Report a bug").click()
    page.get_by_label("Title").fill("No script")
    page.get_by_role("button", name="Report").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No script")
    page.get_by_label("Comment").fill("Typed for an hour")
    context.clear_cookies()
    page.get_by_role("button", name="Comment").click()
    sign_in(page, "tester")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".comment")).to_contain_text("Typed for an hour")
    page.get_by_role("button", name=re.compile("Colours")).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_readable_to_all(site: Site, theme: str, width: int) -> None:
    key = report(
        site,
        "A bug with everything",
        description=STORY + WIDE,
        stack_trace="Traceback:\n  boom",
        severity="critical",
        team="Backend",
        labels=["label"],
        environment="Firefox",
    )
    report(site, "Nothing set")
    site.installation.call("developer", "PATCH", "/api/v1/issues/1", json={"status": "in_progress", "severity": "low"})
    site.installation.call("tester", "POST", "/api/v1/issues/1/comments", json={"body": "> quoted\n\n`code`"})
    related = {"kind": "relates_to", "target": 2}
    site.installation.call("developer", "POST", "/api/v1/issues/1/relations", json=related)
    page = site.open("project_manager", theme=theme, width=width)
    own = (f"/issues/{key}", f"/issues/{key}/edit")
    for path in ("/issues?q=", "/issues?q=nothing", *own, "/report", "/sign-in", "/issues/WEB-99", "/nowhere"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than the window"
        violations = Axe().run(page).response["violations"]
        assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in violations] == [], path
    forgive(site, 404)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_refused_form_is_readable_to_all(site: Site, theme: str, width: int) -> None:
    report(site, "Related to nothing")
    page = site.open("developer", theme=theme, width=width)
    page.goto("/issues/WEB-1")
    page.get_by_text("Add a relation").click()
    page.get_by_label("Other issue").fill("WEB-99")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_label("Other issue")).to_be_focused()
    expect(page.get_by_label("Other issue")).to_have_accessible_description(re.compile("WEB-99 does not exist"))
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Comment").fill(STORY)
    page.context.clear_cookies()
    page.get_by_role("button", name="Comment").click()
    expect(page.get_by_text("You are no longer signed in")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    sign_in(page, "developer")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in. Send it now?")
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    forgive(site, 422, 401)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_description_of_the_api_is_readable_to_all(site: Site, width: int) -> None:
    page = site.open(width=width)
    page.goto("/docs")
    page.get_by_text("/report_bug").wait_for()

    def read(what: str) -> None:
        page.wait_for_timeout(300)  # It fades in.
        violations = Axe().run(page).response["violations"]
        assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in violations] == [], what
        assert page.evaluate("document.documentElement.scrollWidth") <= width, what

    for operation in page.locator(".opblock-post, .opblock-get, .opblock-patch, .opblock-delete").all()[8:60:12]:
        operation.locator(".opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").first.click()
    page.get_by_role("button", name="Execute").first.click()
    page.locator(".live-responses-table").wait_for()
    page.locator(".models .json-schema-2020-12-accordion").first.click()
    read("operations, one tried out, and schemas")
    page.get_by_role("button", name="Authorize").first.click()
    page.get_by_role("button", name="Close").first.wait_for()
    read("signing in")
    forgive(site, 401, 404, 422)
    site.complaints[:] = [each for each in site.complaints if "Password field is not contained" not in each]


def test_a_link_leads_to_one_operation_of_the_api(site: Site) -> None:
    page = site.open()
    page.goto("/docs#/users/users_read_me")
    expect(page.locator("#operations-users-users_read_me .opblock-body")).to_be_visible()
    site.complaints[:] = [each for each in site.complaints if "escaping deep link" not in each]  # Swagger UI's own.


@pytest.mark.parametrize("scripts", [True, False])
def test_a_refused_file_is_explained_beside_its_form(site: Site, scripts: bool) -> None:  # noqa: FBT001 -- Either.
    key = report(site, "Needs a picture")
    context = site.browser.new_context(base_url=site.address, java_script_enabled=scripts)
    page = context.new_page()
    page.goto("/sign-in")
    sign_in(page, "tester")
    page.goto(f"/issues/{key}")
    for name, content, said in (
        ("virus.exe", b"MZ", "programs are not taken"),
        ("empty.txt", b"", "it is empty"),
        ("film.mp4", b"x" * 30_000_000, "larger than"),
    ):
        page.get_by_label("File").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})
        page.get_by_role("button", name="Attach").click()
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(page.get_by_label("File")).to_have_accessible_description(re.compile(said))
        expect(page.get_by_role("heading", level=1)).to_have_text("Needs a picture")
        expect(page.get_by_role("alert")).to_be_in_viewport()
        if scripts:
            assert Axe().run(page).response["violations"] == []
    forgive(site, 413, 422)


@pytest.mark.parametrize("width", [390, 320])
def test_the_header_of_a_phone_has_two_rows(site: Site, width: int) -> None:
    page = site.open("project_manager", width=width)
    search = page.get_by_role("search").bounding_box()
    header = page.get_by_role("banner").bounding_box()
    assert search is not None
    assert header is not None
    assert header["height"] < 100
    for name in ("Issues", "Report", "API"):
        box = page.get_by_role("navigation", name="Main").get_by_role("link", name=name).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= search["y"]
    expect(page.get_by_role("link", name="BugFlow")).to_be_visible()


def test_the_api_is_described_without_a_network(site: Site) -> None:
    page = site.open()
    foreign: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(site.address) else foreign.append(request.url))
    page.goto("/docs")
    expect(page.get_by_text("/report_bug")).to_be_visible()
    assert [address for address in foreign if not address.startswith("data:")] == []
