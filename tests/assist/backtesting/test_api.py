"""Back-tests over HTTP: asked for by who manages models, done in the background, kept."""

from typing import Any
from uuid import uuid4

from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.settings import Settings
from bugflow.tracker.accounts.tables import User
from bugflow.worker import collect_jobs
from factories.app import Installation

BACKTESTS = "/api/v1/projects/WEB/backtests"
MANAGER = "project_manager"


def work(installation: Installation) -> None:
    settings: Settings = installation.client.app.state.settings  # type: ignore[attr-defined]
    MemoryRunner(installation.database, collect_jobs(settings)).run_pending()


def start(installation: Installation, **body: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    started: dict[str, Any] = installation.call(MANAGER, "POST", BACKTESTS, json=body)
    return started


def test_a_back_test_is_done_in_the_background_and_read_by_its_id(installation: Installation) -> None:
    for title in ("The basket forgets what was put into it", "The basket forgets what was put into it"):
        installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": title})
    started = start(installation, fields=["severity", "team"], last=10)
    assert (started["state"], started["progress"], started["report"]) == ("queued", 0.0, None)
    address = f"{BACKTESTS}/{started['id']}"
    assert installation.call(MANAGER, "GET", address)["state"] == "queued"
    work(installation)
    done = installation.call(MANAGER, "GET", address)
    assert (done["state"], done["progress"], done["error"]) == ("succeeded", 1.0, None)
    assert done["report"].startswith("# What BugFlow would have done in WEB")
    assert [each["field"] for each in done["result"]["skipped"]] == ["severity", "team"]
    assert done["result"]["duplicates"]["asked"] == 1


def test_only_who_manages_models_may_ask_and_only_of_what_there_is(installation: Installation) -> None:
    installation.refuse("developer", "POST", BACKTESTS, 403, json={})
    started = start(installation, duplicates=False)
    installation.refuse("developer", "GET", f"{BACKTESTS}/{started['id']}", 403)
    installation.refuse(MANAGER, "GET", f"{BACKTESTS}/{uuid4()}", 404)
    installation.refuse(MANAGER, "POST", "/api/v1/projects/NONE/backtests", 404, json={})
    installation.refuse(MANAGER, "POST", BACKTESTS, 422, json={"query": "is:nothing"})
    installation.refuse(MANAGER, "POST", BACKTESTS, 422, json={"fields": ["mood"]})
    installation.call("admin", "POST", "/api/v1/projects", json={"key": "OTHER", "name": "Other"})
    installation.refuse("admin", "GET", f"/api/v1/projects/OTHER/backtests/{started['id']}", 404)


def test_nothing_is_told_to_an_account_that_was_deactivated_since(installation: Installation) -> None:
    started = start(installation, duplicates=False)
    with installation.database.transaction() as session:
        user = session.query(User).filter_by(email="project_manager@example.com").one()
        user.is_active = False
    work(installation)
    found = installation.call("admin", "GET", f"{BACKTESTS}/{started['id']}")
    assert found["state"] == "failed"
    assert "has been deactivated" in found["error"]
