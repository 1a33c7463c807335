"""One row for what is said again, drafts that become issues, drafts that are forgotten."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry, job_of
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.mlops.predictions import jobs
from bugflow.mlops.predictions.entries import digest_draft
from bugflow.mlops.predictions.service import attach_draft, forget_drafts, key_of, record_entries
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.service import report_issue
from bugflow.tracker.issues.tables import Issue
from factories.predictions import NOON, build_entry, read_ledger
from factories.workplace import Workplace, build_workplace

TEXT = "The export fails.\n\nAlways."


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        return build_workplace(session)


def report(session: Session, workplace: Workplace, *, now: datetime, description: str = TEXT) -> Issue:
    tester = workplace.people[Role.TESTER]
    return report_issue(
        session,
        workplace.project,
        title="The export fails",
        reporter_id=tester.user_id or 0,
        actor=tester,
        now=now,
        fields={"description": description},
    )


def draft_of(workplace: Workplace, description: str = TEXT, role: Role = Role.TESTER) -> str:
    reporter_id = workplace.people[role].user_id or 0
    return digest_draft(reporter_id=reporter_id, project_id=workplace.project.id, description=description)


def test_what_is_said_again_stays_one_row_for_each_version_and_part(database: Database, workplace: Workplace) -> None:
    project = workplace.project.id
    with database.transaction() as session:
        issue = workplace.report(session)
        unseen = build_entry(project, issue_id=issue.id, shown=False)
        record_entries(session, [unseen, unseen])
    with database.transaction() as session:
        record_entries(session, [build_entry(project, issue_id=issue.id, label="low")])
        record_entries(session, [build_entry(project, issue_id=issue.id, part="shadow", shown=False)])
        record_entries(session, [build_entry(project, issue_id=issue.id, model_version=None)])
        record_entries(session, [unseen])
    rows = [(row.label, row.part, row.model_version is None, row.shown) for row in read_ledger(database)]
    assert rows == [
        ("high", "champion", False, True),
        ("high", "shadow", False, False),
        ("high", "champion", True, True),
    ]


def test_a_draft_is_found_by_who_where_and_what_however_it_is_spaced(workplace: Workplace) -> None:
    assert draft_of(workplace, " The export  fails.\nAlways. ") == draft_of(workplace)
    assert draft_of(workplace, "The export fails always.") != draft_of(workplace)
    assert draft_of(workplace, role=Role.DEVELOPER) != draft_of(workplace)
    assert len(draft_of(workplace, "\ud800\0")) == 64


def test_what_was_said_of_a_draft_belongs_to_its_issue_within_a_day(database: Database, workplace: Workplace) -> None:
    project, key = workplace.project.id, draft_of(workplace)
    moments = {"before": NOON - timedelta(hours=23), "long before": NOON - timedelta(hours=25), "after": NOON}
    with database.transaction() as session:
        for number, moment in enumerate(moments.values()):
            record_entries(session, [build_entry(project, draft_key=key, model_version=f"{number}", created_at=moment)])
        record_entries(session, [build_entry(project, draft_key=draft_of(workplace, "Other"), created_at=NOON)])
    with database.transaction() as session:
        issue = report(session, workplace, now=NOON - timedelta(minutes=1))
        assert key_of(issue) == key
        attach_draft(session, issue)
        attach_draft(session, issue)
    assert [row.issue_id for row in read_ledger(database)] == [issue.id, None, None, None]


def test_a_draft_whose_issue_was_judged_already_makes_no_second_row(database: Database, workplace: Workplace) -> None:
    project, key = workplace.project.id, draft_of(workplace)
    with database.transaction() as session:
        issue = report(session, workplace, now=NOON + timedelta(minutes=1))
        record_entries(session, [build_entry(project, draft_key=key), build_entry(project, draft_key=key, part="ab")])
        record_entries(session, [build_entry(project, issue_id=issue.id, shown=False)])
        attach_draft(session, issue)
    rows = [(row.issue_id, row.part, row.shown) for row in read_ledger(database)]
    assert sorted(rows) == [(issue.id, "ab", True), (issue.id, "champion", True)]


def test_an_answer_that_is_written_after_its_report_was_judged_still_belongs_to_the_issue(
    database: Database, workplace: Workplace
) -> None:
    project, key = workplace.project.id, draft_of(workplace)
    with database.transaction() as session:
        issue = report(session, workplace, now=NOON + timedelta(seconds=1))
        record_entries(session, [build_entry(project, issue_id=issue.id, draft_key=key, shown=False)])
    with database.transaction() as session:
        record_entries(
            session, [build_entry(project, draft_key=key), build_entry(project, draft_key=key, field="team")]
        )
        later = NOON + timedelta(seconds=2)
        record_entries(session, [build_entry(project, draft_key=key, created_at=later, model_version="later")])
    rows = [(row.issue_id, row.field, row.shown) for row in read_ledger(database)]
    assert rows == [(issue.id, "severity", True), (issue.id, "team", True), (None, "severity", True)]


def test_drafts_that_nobody_reports_are_forgotten_after_a_month(database: Database, workplace: Workplace) -> None:
    project = workplace.project.id
    with database.transaction() as session:
        issue = workplace.report(session)
        old = NOON - timedelta(days=31)
        record_entries(session, [build_entry(project, draft_key="old", created_at=old)])
        record_entries(session, [build_entry(project, draft_key="new", created_at=NOON - timedelta(days=29))])
        record_entries(session, [build_entry(project, issue_id=issue.id, draft_key="kept", created_at=old)])
        forget_drafts(session, now=NOON)
    assert {row.draft_key for row in read_ledger(database)} == {"new", "kept"}


def test_every_night_drafts_are_forgotten() -> None:
    nightly = job_of(jobs.forget_drafts)
    assert nightly.schedule == "40 3 * * *"
    assert JobRegistry.collect([jobs]).find(nightly.name) is nightly


def test_a_report_that_is_rolled_back_takes_no_draft_and_settles_nothing(
    database: Database, workplace: Workplace
) -> None:
    with database.transaction() as session:
        record_entries(session, [build_entry(workplace.project.id, draft_key=draft_of(workplace))])
    with database.writers() as session:
        report(session, workplace, now=NOON + timedelta(seconds=1))
        session.rollback()
    assert MemoryRunner(database, JobRegistry.collect([jobs])).run_pending() == 0
    [row] = read_ledger(database)
    assert (row.issue_id, row.outcome, row.truth) == (None, None, None)
