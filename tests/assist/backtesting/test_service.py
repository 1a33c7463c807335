"""A whole back-test of a project, its report, and its form for programs."""

from datetime import timedelta
from pathlib import Path

import pytest

from bugflow.assist.backtesting.report import write_html, write_markdown
from bugflow.assist.backtesting.service import BACKTEST, Backtest, Order, join_queries, run_backtest
from bugflow.assist.duplicates.service import merge_issues
from bugflow.core.database import Database
from bugflow.core.storage import open_storage
from bugflow.mlops.backtesting.replaying import ReplayOptions
from bugflow.mlops.backtesting.used import find_used
from bugflow.mlops.registry.store import set_current
from bugflow.mlops.training.candidates import make_candidate
from bugflow.mlops.training.contract import Order as TrainingOrder
from bugflow.mlops.training.contract import Surroundings
from bugflow.mlops.training.keeping import keep_candidate
from bugflow.mlops.training.triage import Wishes
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.errors import ProjectNotFoundError
from bugflow.tracker.search.errors import QuerySyntaxError
from factories.labelled import report_labelled
from factories.workplace import Workplace, build_workplace

VIEWER = build_system_actor("cli")
OPTIONS = ReplayOptions(last=80, blocks=2, least=10, backend="linear")


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        made = build_workplace(session)
    report_labelled(database, made, 300, seed=1)
    with database.transaction() as session:
        issues = [session.get_one(Issue, each) for each in (290, 280)]
        merge_issues(session, *issues, actor=made.manager, now=made.tick(), evidence={})
    return made


@pytest.fixture
def around(database: Database, tmp_path: Path) -> Surroundings:
    return Surroundings(
        database=database,
        storage=open_storage((tmp_path / "files").as_uri()),
        encoder=None,
        find_starter=lambda _: None,
        cache_folder=tmp_path / "fetched",
    )


def tell(around: Surroundings, workplace: Workplace, order: Order) -> Backtest:
    return run_backtest(order, around, VIEWER, now=workplace.moment)


def test_a_project_is_told_again_and_the_report_says_first_what_would_have_happened(
    workplace: Workplace, around: Surroundings
) -> None:
    told: list[float] = []
    order = Order(project="b", options=OPTIONS)
    found = run_backtest(order, around, VIEWER, now=workplace.moment, tell=lambda done, _note: told.append(done))
    assert told == sorted(told)
    assert told[-1] == 1.0
    [severity] = found.fields
    assert {each.field for each in found.skipped} >= {"team", "component"}
    assert found.duplicates is not None
    assert (found.duplicates.duplicates, found.duplicates.asked) == (1, 80)
    assert BACKTEST.validate_json(BACKTEST.dump_json(found)) == found
    text = write_markdown(found)
    first = text.split("\n## ")[0]
    score = severity.score
    assert f"of the last 80 issues {score.right:,} would have been right, {score.wrong:,} wrong" in first
    assert "of the 1 among the last 80 issues that people later called duplicates" in first
    assert "**Team** is not told: 0 issues have a team" in first
    assert "There was no encoder" in text
    assert "keyword rules" in text
    page = write_html(found)
    assert "<h1>What BugFlow would have done in B</h1>" in page
    assert "<td>most frequent label</td>" in page


def test_what_people_wrote_stays_text_in_the_report(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    with database.transaction() as session:
        for title in ("Exactly | the *same* <b>thing</b> broke here", "Exactly | the *same* <b>thing</b> broke here"):
            workplace.report(session, title=title)
    found = tell(around, workplace, Order(project="B", fields=(), options=OPTIONS))
    assert found.duplicates is not None
    assert [each.said for each in found.duplicates.doubted] == ["B-301"]
    assert r"Exactly \| the \*same\* \<b\>thing" in write_markdown(found)
    assert "<b>" not in write_html(found)


def test_the_model_in_use_is_asked_about_gold_and_what_came_after_it(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    now = workplace.tick()
    candidate = make_candidate(
        TrainingOrder(target="severity", now=now, wishes=Wishes(backend="linear", least=10)),
        Surroundings(
            database=database,
            storage=around.storage,
            encoder=None,
            find_starter=lambda _: None,
            cache_folder=around.cache_folder,
        ),
    )
    version = keep_candidate(around.storage, candidate)
    set_current(around.storage, version, now=now)
    workplace.moment = now + timedelta(minutes=1)
    report_labelled(database, workplace, 20, seed=2)
    order = Order(project="B", fields=("severity",), duplicates=False, options=OPTIONS)
    found = tell(around, workplace, order)
    [severity] = found.fields
    assert severity.in_use is not None
    assert severity.in_use.name == version.name
    assert severity.in_use.score is not None
    # The newest sixty of the three hundred are gold, and all of the twenty after the training are new.
    assert (severity.in_use.score.asked, severity.in_use.left_out) == (80, 0)
    used = find_used(around, "severity", str(workplace.project.uuid))
    wider = Order(
        project="B", fields=("severity",), duplicates=False, options=ReplayOptions(last=120, backend="linear")
    )
    [severity] = tell(around, workplace, wider).fields
    assert used is not None
    assert severity.in_use is not None
    assert severity.in_use.left_out == 40
    assert f"`{version.name}`, which finds the severity now, was asked only about the 80 issues" in write_markdown(
        tell(around, workplace, wider)
    )


def test_what_cannot_be_done_is_refused_at_once(workplace: Workplace, around: Surroundings) -> None:
    with pytest.raises(ProjectNotFoundError):
        tell(around, workplace, Order(project="NONE"))
    with pytest.raises(QuerySyntaxError):
        tell(around, workplace, Order(project="B", query="is:nothing"))
    assert join_queries("B", "type:bug OR type:task") == "project:B (type:bug OR type:task)"
