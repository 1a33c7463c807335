"""What of suggested duplicates the ledger of predictions has: who asked for what, and of what nothing is noted."""

from typing import Any

import pytest

from bugflow.assist.duplicates.profiling import profile_backlog
from bugflow.assist.duplicates.scanning import scan
from bugflow.assist.duplicates.settling import settle_said
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.mlops.predictions import jobs as prediction_jobs
from bugflow.tracker.accounts.actor import build_system_actor
from factories.app import Installation
from factories.browser import Browser
from factories.duplicates import RANKER, host_issues, load_ranker, read_suggested, train_ranker
from factories.encoders import BagEncoder, HashEncoder

ISSUES, PREVIEW, LEDGER = "/api/v1/issues", "/api/v1/duplicates/preview", "/api/v1/predictions"
CRASH = "Exporting the quarterly spreadsheet crashes with zlib underflow"
AGAIN = "Quarterly spreadsheet export: zlib underflow crash"
TOLD = "It happens whenever the quarterly spreadsheet is exported: zlib says underflow."


@pytest.fixture
def site(installation: Installation) -> Installation:
    host_issues(installation)
    for number in range(8):
        report(installation, f"Something else number {number} about menus")
    return installation


def report(site: Installation, title: str, role: str = "tester", **fields: Any) -> str:  # noqa: ANN401 -- JSON.
    return str(site.call(role, "POST", ISSUES, json={"project": "WEB", "title": title} | fields)["key"])


def preview(site: Installation, title: str = AGAIN, **fields: Any) -> None:  # noqa: ANN401 -- JSON.
    site.call("tester", "POST", PREVIEW, json={"project": "WEB", "title": title} | fields)


def ask(site: Installation, key: str, role: str = "tester") -> None:
    site.call(role, "GET", f"{ISSUES}/{key}/duplicates/suggestions")


def attach(site: Installation) -> None:
    """Do what the worker does where an issue is reported."""
    jobs = JobRegistry.collect([prediction_jobs])
    MemoryRunner(site.database, JobRegistry(jobs, resources={"settle_predictions": lambda: settle_said})).run_pending()


def test_what_was_said_of_a_draft_belongs_to_the_issue_that_is_made_of_it(site: Installation) -> None:
    key = report(site, CRASH)
    preview(site, description=TOLD)
    preview(site, description=TOLD + "\n", most=1)  # However it is spaced, and however often.
    [row] = read_suggested(site)
    assert (row.label, row.probability, row.threshold, row.band) == (key, None, None, "suggested")
    assert (row.method, row.model_version, row.part, row.shown) == ("search", None, "champion", True)
    assert row.issue_id is None
    assert 0 < row.latency_ms < 60_000
    made = report(site, AGAIN, description=TOLD)
    attach(site)
    [row] = read_suggested(site)
    assert row.issue_id == site.call("tester", "GET", f"{ISSUES}/{made}")["id"]


def test_the_page_of_a_report_makes_an_issue_whose_draft_is_found(site: Installation) -> None:
    report(site, CRASH)
    preview(site, description=TOLD)
    assert len(read_suggested(site)) == 1
    browser = Browser(site, "tester")
    form = browser.get("/report?project=WEB").text
    once = form.split('name="once" value="')[1].split('"')[0]
    answer = browser.submit("/report", once=once, project="WEB", title=AGAIN, description=TOLD, issue_type="bug")
    key = answer.headers["location"].removeprefix("/issues/")
    attach(site)
    [row] = read_suggested(site)
    assert row.issue_id == site.call("tester", "GET", f"{ISSUES}/{key}")["id"]


def test_predict_and_the_preview_note_the_same_draft_once(site: Installation) -> None:
    key = report(site, CRASH)
    site.call("tester", "POST", "/predict", json={"description": TOLD, "project": "WEB", "duplicates": True})
    preview(site, description=TOLD)
    site.call("tester", "POST", "/predict", json={"description": "Something else.", "project": "WEB"})
    assert [row.label for row in read_suggested(site)] == [key]


def test_typing_on_the_page_and_drafts_without_a_description_are_not_noted(site: Installation) -> None:
    report(site, CRASH)
    preview(site)
    preview(site, description=" \n")
    answer = Browser(site, "tester").submit("/report/duplicates", project="WEB", title=AGAIN, description=TOLD)
    assert CRASH in answer.text
    assert read_suggested(site) == []


def test_an_issue_is_noted_once_wherever_it_is_looked_at(site: Installation) -> None:
    older = report(site, CRASH)
    keys = [report(site, AGAIN) for _ in range(3)]
    ask(site, keys[0])
    assert CRASH in Browser(site, "tester").get(f"/issues/{keys[1]}/duplicates/part").text
    assert CRASH in Browser(site, "developer").get(f"/inbox?at={keys[2]}").text
    rows = read_suggested(site)
    assert len(rows) == 3
    assert {row.label for row in rows} <= {older, *keys}
    ask(site, keys[0], "developer")
    Browser(site, "developer").get(f"/inbox?at={keys[0]}")
    assert [row.id for row in read_suggested(site)] == [row.id for row in rows]


def test_where_nothing_is_suggested_that_is_noted(site: Installation) -> None:
    key = report(site, "Kerberos ticket expires overnight")
    ask(site, key)
    [row] = read_suggested(site)
    assert (row.label, row.probability, row.band, row.method) == (None, None, "unsure", "search")


def test_while_issues_are_being_loaded_full_text_is_named(site: Installation) -> None:
    key, again = report(site, CRASH), report(site, AGAIN)
    host_issues(site, loaded=False)
    ask(site, again)
    [row] = read_suggested(site)
    assert (row.label, row.band, row.method) == (key, "suggested", "full text")


def test_a_learned_ranking_is_named_with_its_probability_and_its_threshold(site: Installation) -> None:
    key, again = report(site, CRASH), report(site, CRASH, description=TOLD)
    profile_backlog(site.database, HashEncoder())
    made = host_issues(site, HashEncoder())
    made.rankers.full = load_ranker(train_ranker(threshold=0.3))
    ask(site, again)
    [row] = read_suggested(site)
    assert (row.label, row.band, row.threshold, row.method, row.model_version) == (key, "sure", 0.3, "ranking", RANKER)
    assert 0.3 <= (row.probability or 0) <= 1


def test_the_ranking_of_words_is_another_version(site: Installation) -> None:
    again = [report(site, CRASH) for _ in range(2)][1]
    made = host_issues(site)
    made.rankers.by_words = load_ranker(train_ranker(), "starter/1/words")
    ask(site, again)
    [row] = read_suggested(site)
    assert (row.model_version, row.probability is not None) == ("starter/1/words", True)


def test_of_a_duplicate_nothing_is_noted_since_the_right_one_is_not_suggested_to_it(site: Installation) -> None:
    report(site, CRASH + " on save")
    older, newer = report(site, CRASH), report(site, AGAIN)
    site.call("project_manager", "POST", f"{ISSUES}/{newer}/merge", json={"into": older})
    ask(site, newer)
    assert read_suggested(site) == []


def test_nothing_is_noted_where_nothing_is_to_be_suggested_or_compared(installation: Installation) -> None:
    host_issues(installation)
    only = report(installation, CRASH)
    ask(installation, only)
    assert read_suggested(installation) == []
    report(installation, CRASH)
    again = report(installation, AGAIN)
    switch = {"on": False, "project": "WEB", "reason": "Too many are wrong."}
    installation.call("project_manager", "PUT", "/api/v1/models/duplicates/switch", json=switch)
    ask(installation, again)
    assert read_suggested(installation) == []


def test_where_suggestions_are_off_for_all_nothing_is_noted(installation: Installation) -> None:
    host_issues(installation, enabled=False)
    keys = [report(installation, CRASH) for _ in range(2)]
    ask(installation, keys[1])
    preview(installation, description=TOLD)
    assert read_suggested(installation) == []


def test_looking_through_the_whole_tracker_is_not_noted(site: Installation) -> None:
    for _ in range(3):
        report(site, CRASH)
    made = host_issues(site)
    assert scan(made, site.database, build_system_actor("cli"))
    assert read_suggested(site) == []


def test_an_issue_that_one_may_not_see_is_not_named_in_the_ledger(site: Installation) -> None:
    older, newer = report(site, CRASH), report(site, AGAIN)
    third = report(site, CRASH + " again")
    ask(site, newer)
    ask(site, third)
    site.call("developer", "POST", f"{ISSUES}/{newer}/not-duplicates", json={"other": older})
    with site.database.transaction() as session:
        for row in read_suggested(site):
            settle_said(session, row.issue_id or 0)

    def read(role: str) -> dict[str, tuple[str | None, str | None]]:
        rows = site.call(role, "GET", f"{LEDGER}?field=duplicates")["items"]
        return {row["issue"]: (row["label"], row["truth"]) for row in rows}

    assert read("project_manager")[newer] == (older, f"not {older}")
    site.call("admin", "POST", "/api/v1/projects", json={"key": "SEC", "name": "Secret", "visibility": "private"})
    secret = report(site, "Secret", "admin", project="SEC")
    with site.database.transaction() as session:
        for row in read_suggested(site):
            found = session.merge(row)
            found.label = secret if found.label is not None else None
            found.truth = f"not {secret}" if found.truth is not None else None
    assert read("project_manager")[newer] == (None, None)
    assert read("admin")[newer] == (secret, f"not {secret}")


def test_each_encoder_and_none_name_who_spoke(site: Installation, ranker: Ranker) -> None:
    key, again = report(site, CRASH), report(site, AGAIN)
    profile_backlog(site.database, BagEncoder())
    made = host_issues(site, BagEncoder())
    made.rankers.full = load_ranker(ranker)
    ask(site, again)
    host_issues(site)
    ask(site, again)
    assert {(row.method, row.model_version) for row in read_suggested(site)} == {("ranking", RANKER), ("search", None)}
    assert key in {row.label for row in read_suggested(site)}


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return train_ranker()
