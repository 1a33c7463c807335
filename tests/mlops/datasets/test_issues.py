from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.mlops.corrections.service import record_correction
from bugflow.mlops.datasets.issues import read_issues
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user
from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.issues.service import change_issue, report_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import create_project
from bugflow.tracker.projects.tables import Project

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SYSTEM = build_system_actor("job")
TITLE = "The basket forgets what was put into it"


class Tracker:
    """One project, its project manager, and issues that are changed a minute after each other."""

    def __init__(self, session: Session) -> None:
        self.session = session
        user = create_user(
            session, email="pm@example.com", name="Pm", role=Role.ADMIN, password_hash="-", actor=SYSTEM, now=NOW
        )
        self.person = Actor(user_id=user.id, name="Pm", role=Role.ADMIN, origin="web")
        self.project: Project = create_project(session, key="WEB", name="Web", actor=SYSTEM, now=NOW)
        self.now = NOW

    def report(self, **fields: Any) -> Issue:  # noqa: ANN401 -- Any field.
        return report_issue(
            self.session,
            self.project,
            title=TITLE,
            reporter_id=self.person.user_id or 0,
            actor=self.person,
            now=self.now,
            fields=fields,
        )

    def change(self, issue: Issue, actor: Actor, **changes: Any) -> None:  # noqa: ANN401 -- Any field.
        self.now += timedelta(minutes=1)
        change_issue(self.session, issue, self.project, changes=changes, actor=actor, now=self.now)

    def correct(self, issue: Issue, field: str, value: str) -> None:
        self.now += timedelta(minutes=1)
        record_correction(
            self.session, issue_id=issue.id, field=field, old=value, new=value, actor=self.person, now=self.now
        )


@pytest.fixture
def tracker(database: Database) -> Iterator[Tracker]:
    with database.writers() as session:
        yield Tracker(session)


def read(tracker: Tracker, database: Database, viewer: Actor = SYSTEM, query: str = "") -> list[dict[str, Any]]:
    tracker.session.commit()
    return [row for batch in read_issues(database, viewer, query) for row in batch.frame.to_dicts()]


def test_texts_are_those_of_the_first_version(tracker: Tracker, database: Database) -> None:
    issue = tracker.report(description="First words", stack_trace="at a.b(C.java:1)", issue_type="task")
    tracker.change(issue, tracker.person, title="Another title", description="Second words", issue_type="bug")
    tracker.change(issue, tracker.person, title="A third title", description="", stack_trace="")
    [row] = read(tracker, database)
    assert (row["title"], row["description"]) == (TITLE, "First words")
    assert (row["stack_trace"], row["issue_type"]) == ("at a.b(C.java:1)", "task")
    assert (row["issue_id"], row["project"], row["created_at"]) == ("WEB-1", "WEB", NOW)


def test_a_text_that_was_empty_when_filed_is_empty(tracker: Tracker, database: Database) -> None:
    issue = tracker.report()
    tracker.change(issue, tracker.person, description="Added later")
    assert read(tracker, database)[0]["description"] == ""


def test_a_label_is_the_one_a_person_set_last(tracker: Tracker, database: Database) -> None:
    issue = tracker.report(severity="low", team="Backend", priority="high")
    tracker.change(issue, tracker.person, severity="high")
    tracker.change(issue, tracker.person, severity="critical", team=None)
    [row] = read(tracker, database)
    assert (row["severity"], row["team"], row["priority"]) == ("critical", None, "high")


def test_what_the_system_set_is_no_label(tracker: Tracker, database: Database) -> None:
    issue = tracker.report(severity="low")
    tracker.change(issue, SYSTEM, severity="high", team="Mobile")
    [row] = read(tracker, database)
    assert (row["severity"], row["team"]) == ("low", None)


def test_what_the_system_set_is_a_label_once_a_person_confirms_it(tracker: Tracker, database: Database) -> None:
    issue = tracker.report()
    tracker.change(issue, SYSTEM, severity="high", team="Mobile")
    tracker.correct(issue, "severity", "high")
    [row] = read(tracker, database)
    assert (row["severity"], row["team"]) == ("high", None)


def test_what_a_person_set_stands_when_the_system_overrides_it(tracker: Tracker, database: Database) -> None:
    issue = tracker.report()
    tracker.change(issue, tracker.person, severity="critical")
    tracker.change(issue, SYSTEM, severity="low")
    assert read(tracker, database)[0]["severity"] == "critical"


def test_what_an_import_brought_was_set_by_people_there(tracker: Tracker, database: Database) -> None:
    issue = tracker.report()
    tracker.change(issue, SYSTEM, severity="high")
    record = ImportedRecord(namespace="jira", kind="issue", source_id="X-1", target_id=issue.id, content_hash="-")
    tracker.session.add(record)
    assert read(tracker, database)[0]["severity"] == "high"


def test_only_issues_that_the_viewer_may_see_and_the_query_asks_for_are_read(
    tracker: Tracker, database: Database
) -> None:
    tracker.report(restricted=True, severity="high")
    tracker.report(severity="low")
    tester = Actor(user_id=999, name="Tester", role=Role.TESTER, origin="cli")
    assert [row["issue_id"] for row in read(tracker, database)] == ["WEB-1", "WEB-2"]
    assert [row["issue_id"] for row in read(tracker, database, tester)] == ["WEB-2"]
    assert [row["issue_id"] for row in read(tracker, database, query="severity:high")] == ["WEB-1"]


def test_a_reporter_is_the_same_in_each_issue_and_not_named(tracker: Tracker, database: Database) -> None:
    tracker.report()
    tracker.report()
    rows = read(tracker, database)
    assert rows[0]["reporter"] == rows[1]["reporter"]
    assert rows[0]["reporter"].startswith("u-")


def test_as_of_a_moment_nothing_is_there_that_came_later(tracker: Tracker, database: Database) -> None:
    issue = tracker.report(severity="low", team="Backend", description="First words")
    tracker.change(issue, tracker.person, severity="high", description="Second words")
    moment = tracker.now
    tracker.change(issue, tracker.person, severity="critical", team=None, priority="low")
    tracker.correct(issue, "severity", "critical")
    tracker.report(severity="high")
    tracker.session.commit()
    [row] = [row for batch in read_issues(database, SYSTEM, "", as_of=moment) for row in batch.frame.to_dicts()]
    assert (row["severity"], row["team"], row["priority"]) == ("high", "Backend", None)
    assert (row["issue_id"], row["description"]) == ("WEB-1", "First words")
    [before] = [row for batch in read_issues(database, SYSTEM, "", as_of=NOW) for row in batch.frame.to_dicts()]
    assert (before["severity"], before["team"]) == ("low", "Backend")
    assert not list(read_issues(database, SYSTEM, "", as_of=NOW - timedelta(seconds=1)))


def test_as_of_a_moment_a_later_correction_confirms_nothing(tracker: Tracker, database: Database) -> None:
    issue = tracker.report()
    tracker.change(issue, SYSTEM, severity="high")
    moment = tracker.now
    tracker.correct(issue, "severity", "high")
    tracker.session.commit()
    rows = [
        row["severity"]
        for as_of in (moment, None)
        for batch in read_issues(database, SYSTEM, "", as_of=as_of)
        for row in batch.frame.to_dicts()
    ]
    assert rows == [None, "high"]
