"""What people change anywhere is a correction, once, and only where they may correct and something was there."""

from typing import Any

import pytest
from sqlalchemy import select

from bugflow.core.database import Database
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.mlops.corrections.tables import Correction
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.worker import collect_jobs
from factories.app import Installation
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        return build_workplace(session)


def change(database: Database, workplace: Workplace, issue_id: int, by: Role | None, **changes: Any) -> None:  # noqa: ANN401 -- Any field.
    actor = build_system_actor("job") if by is None else workplace.people[by]
    with database.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        change_issue(session, issue, workplace.project, changes=changes, actor=actor, now=workplace.tick())


def report(database: Database, workplace: Workplace, **fields: Any) -> int:  # noqa: ANN401 -- Any field.
    with database.transaction() as session:
        return workplace.report(session, by=Role.PROJECT_MANAGER, **fields).id


def list_corrections(database: Database) -> list[tuple[str, str | None, str, str]]:
    MemoryRunner(database, collect_jobs()).run_pending()
    with database.snapshot() as session:
        rows = session.scalars(select(Correction).order_by(Correction.id))
        return [(row.field, row.old_value, row.new_value, row.author_role) for row in rows]


def test_a_change_of_learned_fields_is_a_correction_of_each(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="low", team="Backend", priority="low")
    change(database, workplace, issue, Role.PROJECT_MANAGER, severity="high", team="Mobile", title="Another title")
    change(database, workplace, issue, Role.ADMIN, severity="critical", priority="high")
    assert list_corrections(database) == [
        ("severity", "low", "high", "project_manager"),
        ("team", "Backend", "Mobile", "project_manager"),
        ("severity", "high", "critical", "admin"),
        ("priority", "low", "high", "admin"),
    ]


def test_what_was_empty_or_is_emptied_is_no_correction(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="low")
    change(database, workplace, issue, Role.PROJECT_MANAGER, team="Mobile")
    change(database, workplace, issue, Role.PROJECT_MANAGER, team=None, title="Another title")
    assert list_corrections(database) == []


@pytest.mark.parametrize("by", [Role.DEVELOPER, None])
def test_who_may_not_correct_corrects_nothing(database: Database, workplace: Workplace, by: Role | None) -> None:
    issue = report(database, workplace, severity="low", assignee=workplace.people[Role.DEVELOPER].user_id)
    change(database, workplace, issue, by, severity="high")
    assert list_corrections(database) == []


def test_a_correction_by_update_bug_is_noted_once(installation: Installation) -> None:
    fields = {"description": "The login button crashes the app.", "project": "WebApp", "severity": "high"}
    bug = installation.call("tester", "POST", "/report_bug", json=fields)["id"]
    body = {"bug_id": bug, "correction_severity": "low", "status": "in_progress"}
    installation.call("project_manager", "POST", "/update_bug", json=body)
    assert list_corrections(installation.database) == [("severity", "high", "low", "project_manager")]
    installation.call("project_manager", "POST", "/update_bug", json={"bug_id": bug, "correction_severity": "low"})
    assert len(list_corrections(installation.database)) == 2
