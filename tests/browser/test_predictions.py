"""The page of predictions, for people with and without a mouse."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from factories.site import Site

BUG = {"description": "An error: the button shows <b>nothing</b>.", "project": "WEB"}


def test_predictions_are_one_link_away_and_accessible(site: Site) -> None:
    for _ in range(2):
        site.installation.call("tester", "POST", "/report_bug", json=BUG)
    for theme in ("light", "dark"):
        page = site.open("tester", theme=theme)
        page.goto("/issues/WEB-2")
        page.get_by_role("link", name="Predictions").click()
        page.wait_for_url("**/issues/WEB-2/predictions")
        expect(page.get_by_role("heading", level=1)).to_have_text("Predictions for WEB-2")
        expect(page.get_by_role("main")).to_contain_text("Frontend")
        expect(page.locator(".reasons").last).to_contain_text("button")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
