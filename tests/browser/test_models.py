"""The pages of models: ordering a training, watching it, reading its report, choosing a version, going back."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select

from bugflow.core.database import Database
from bugflow.core.storage import Storage
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.training.queries import list_trainings
from bugflow.mlops.training.running import carry_out
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.projects.tables import Project
from factories.labelled import report_labelled
from factories.site import Site, press
from factories.trainings import build_means
from factories.workplace import Workplace


def read(page: Page, width: int) -> None:
    """Fail where the page cannot be read by all, or is wider than the window."""
    violations = Axe().run(page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in violations] == [], page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


def gather(database: Database) -> Workplace:
    """Return the people of the site and its project."""
    with database.snapshot() as session:
        people = {Role(user.role): build_actor(user, origin="api") for user in session.scalars(select(User))}
        return Workplace(session.scalars(select(Project)).one(), people)


def train(site: Site, folder: Path, *, policy: Policy) -> None:
    """Carry out what was ordered."""
    database = site.installation.database
    storage: Storage = site.installation.client.app.state.storage  # type: ignore[attr-defined]
    with database.snapshot() as session:
        number = list_trainings(session)[0].id
    carry_out(database, number, build_means(storage, folder, policy=policy))


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 320)])
def test_a_model_is_trained_watched_read_chosen_and_gone_back_from(
    site: Site, tmp_path: Path, theme: str, width: int
) -> None:
    report_labelled(site.installation.database, gather(site.installation.database), 300, seed=1)
    page = site.open("project_manager", theme=theme, width=width)
    press(page, "g")
    press(page, "m")
    page.wait_for_url("**/models")
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Severity"))
    expect(card).to_contain_text("what comes with BugFlow")
    expect(card).to_contain_text("300")
    read(page, width)
    card.get_by_role("button", name="Train severity now").click()
    page.wait_for_url("**/models/trainings/*")
    expect(page.get_by_role("main")).to_contain_text("It waits for its turn.")
    read(page, width)
    train(site, tmp_path, policy=Policy(stages=()))
    expect(page.get_by_role("main")).to_contain_text("It is used from now on.")  # The page follows by itself.
    expect(page.locator("[data-again]")).to_have_count(0)
    page.reload()
    page.get_by_role("link", name="1.0.0").click()
    expect(page.get_by_role("main")).to_contain_text("it may be used")
    expect(page.get_by_role("main")).to_contain_text("60 issues of it have taught no model")
    read(page, width)
    page.goto("/models/severity")
    expect(page.get_by_role("main")).to_contain_text("In use: 1.0.0, chosen")
    page.get_by_label("Why, if you like").first.fill("Once more, with feeling.")
    page.get_by_role("button", name="Train now").click()
    page.wait_for_url("**/models/trainings/*")
    expect(page.get_by_role("main")).to_contain_text("Once more, with feeling.")
    train(site, tmp_path, policy=Policy())
    page.goto("/models/severity")
    expect(page.locator(".notice")).to_contain_text("1.1.0 is tried in the shadow, where nobody sees what it says.")
    read(page, width)
    page.locator("summary").filter(has_text="Use 1.1.0").click()
    page.get_by_role("button", name="Use it from now on").click()
    expect(page.get_by_role("main")).to_contain_text("In use: 1.1.0, chosen")
    page.get_by_text("Go back").click()
    page.get_by_label("Why, if you like").last.fill("It was too keen.")
    page.get_by_role("button", name="Use again what was used before").click()
    expect(page.get_by_role("main")).to_contain_text("In use: 1.0.0, chosen")
    expect(page.get_by_role("main")).to_contain_text("rolled back by")
    read(page, width)


def test_who_may_not_choose_models_has_no_such_pages(site: Site) -> None:
    page = site.open("developer")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Models")).to_have_count(0)
    answer = page.goto("/models")
    assert answer is not None
    assert answer.status == 403
    site.complaints[:] = [each for each in site.complaints if "status of 403" not in each]
