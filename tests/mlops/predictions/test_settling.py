"""A prediction is right or wrong by the latest word of a person, and open without one."""

from typing import Any

import pytest

from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.mlops.corrections import jobs as correction_jobs
from bugflow.mlops.corrections.service import record_correction
from bugflow.mlops.predictions import jobs
from bugflow.mlops.predictions.service import record_entries
from bugflow.mlops.predictions.settling import settle_issue
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.service import change_issue, report_issue
from bugflow.tracker.issues.tables import Issue
from factories.predictions import build_entry, read_ledger
from factories.workplace import Workplace, build_workplace

Verdict = tuple[str | None, str | None, str | None]
OPEN: Verdict = (None, None, None)


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        return build_workplace(session)


def report(database: Database, workplace: Workplace, **fields: Any) -> int:  # noqa: ANN401 -- Any field.
    """Report an issue whose severity was predicted to be high, its team Backend, before the jobs have run."""
    with database.transaction() as session:
        issue = workplace.report(session, **fields)
        said = {"severity": "High", "team": "Backend", "component": None, "priority": "low"}
        project = workplace.project.id
        record_entries(
            session,
            [build_entry(project, issue_id=issue.id, field=field, label=label) for field, label in said.items()],
        )
        return issue.id


def change(database: Database, workplace: Workplace, issue_id: int, by: Role | None, **changes: Any) -> None:  # noqa: ANN401 -- Any field.
    actor = build_system_actor("job") if by is None else workplace.people[by]
    with database.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        change_issue(session, issue, workplace.project, changes=changes, actor=actor, now=workplace.tick())


def settle(database: Database) -> dict[str, Verdict]:
    """Run the jobs and return by field the truth, the outcome and who settled it."""
    MemoryRunner(database, JobRegistry.collect([correction_jobs, jobs])).run_pending()
    return {row.field: (row.truth, row.outcome, row.settled_by) for row in read_ledger(database)}


def test_what_the_reporter_chooses_settles_the_prediction(database: Database, workplace: Workplace) -> None:
    report(database, workplace, severity="high", team="Mobile", priority="low")
    assert settle(database) == {
        "severity": ("high", "right", "tester"),
        "team": ("Mobile", "wrong", "tester"),
        "component": OPEN,
        "priority": ("low", "right", "tester"),
    }


def test_what_is_left_empty_is_open(database: Database, workplace: Workplace) -> None:
    report(database, workplace)
    assert set(settle(database).values()) == {OPEN}


def test_what_a_program_reports_or_sets_is_no_word_of_a_person(database: Database, workplace: Workplace) -> None:
    with database.transaction() as session:
        issue = report_issue(
            session,
            workplace.project,
            title="From a program",
            reporter_id=workplace.manager.user_id or 0,
            actor=build_system_actor("import"),
            now=workplace.tick(),
            fields={"severity": "high"},
        )
        record_entries(session, [build_entry(workplace.project.id, issue_id=issue.id)])
    change(database, workplace, issue.id, None, severity="low")
    assert settle(database) == {"severity": OPEN}


def test_a_later_word_replaces_the_earlier(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="low")
    assert settle(database)["severity"] == ("low", "wrong", "tester")
    change(database, workplace, issue, Role.PROJECT_MANAGER, severity="high", priority="low")
    assert settle(database)["severity"] == ("high", "right", "project_manager")
    assert settle(database)["priority"] == ("low", "right", "project_manager")
    change(database, workplace, issue, Role.ADMIN, severity="critical")
    assert settle(database)["severity"] == ("critical", "wrong", "admin")
    [row] = [each for each in read_ledger(database) if each.field == "severity"]
    assert row.settled_at == workplace.moment


def test_what_a_program_changes_leaves_the_word_of_a_person(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="high")
    change(database, workplace, issue, None, severity="low")
    assert settle(database)["severity"] == ("high", "right", "tester")


def test_who_takes_the_label_away_unsettles_the_prediction(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="high", team="Mobile")
    settle(database)
    change(database, workplace, issue, Role.PROJECT_MANAGER, severity=None, team="Backend")
    settled = settle(database)
    assert settled["severity"] == OPEN
    assert settled["team"] == ("Backend", "right", "project_manager")


def test_a_confirmation_settles_it_as_well(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="high")
    with database.transaction() as session:
        record_correction(
            session,
            issue_id=issue,
            field="severity",
            old="high",
            new="high",
            actor=workplace.manager,
            now=workplace.tick(),
        )
    assert settle(database)["severity"] == ("high", "right", "project_manager")


def test_a_label_that_could_not_be_said_was_not_right(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace)
    with database.transaction() as session:
        record_entries(session, [build_entry(workplace.project.id, issue_id=issue, label=None, model_version="other")])
    change(database, workplace, issue, Role.ADMIN, severity="high")
    settle(database)
    outcomes = {row.label: row.outcome for row in read_ledger(database) if row.field == "severity"}
    assert outcomes == {"High": "right", None: "wrong"}


def test_settling_again_and_in_any_order_changes_nothing(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="low")
    change(database, workplace, issue, Role.PROJECT_MANAGER, severity="high")
    first = settle(database)
    with database.transaction() as session:
        settle_issue(session, issue)
        settle_issue(session, issue, {"team"})
        settle_issue(session, 4711)
    assert settle(database) == first
