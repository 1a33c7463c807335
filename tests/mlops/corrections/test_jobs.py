"""What people change anywhere is a correction, once, and only where they may correct and something was there."""

from typing import Any

import pytest
from sqlalchemy import select

from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.jobs.tables import OutboxEvent
from bugflow.mlops.corrections import jobs
from bugflow.mlops.corrections.events import CorrectionRecorded
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.predictions.service import record_entries
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from factories.app import Installation
from factories.predictions import build_entry
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
    MemoryRunner(database, JobRegistry.collect([jobs])).run_pending()
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


def test_every_correction_is_announced(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="low", team="Backend")
    change(database, workplace, issue, Role.PROJECT_MANAGER, severity="high", team="Mobile")
    assert len(list_corrections(database)) == 2
    with database.snapshot() as session:
        events = session.scalars(select(OutboxEvent).where(OutboxEvent.name == CorrectionRecorded.name()))
        told = [(each.payload["issue_id"], each.payload["field"], each.payload["correction_id"]) for each in events]
        rows = [(row.issue_id, row.field, row.id) for row in session.scalars(select(Correction))]
    assert told == rows


def test_what_no_model_had_said_has_no_probability(database: Database, workplace: Workplace) -> None:
    issue = report(database, workplace, severity="low")
    with database.transaction() as session:
        record_entries(session, [build_entry(workplace.project.id, issue_id=issue, label="critical")])
        hidden = build_entry(workplace.project.id, issue_id=issue, label="low", part="shadow", shown=False)
        record_entries(session, [hidden])
    change(database, workplace, issue, Role.PROJECT_MANAGER, severity="high")
    list_corrections(database)
    with database.snapshot() as session:
        assert session.scalars(select(Correction.old_probability)).one() is None
