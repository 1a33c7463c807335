"""Issues of the database as they are told again."""

from datetime import timedelta

from bugflow.core.database import Database
from bugflow.mlops.backtesting.stream import FiledIssue, read_stream
from bugflow.mlops.datasets.issues import read_issues, read_pasts
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import add_component
from factories.workplace import Workplace, build_workplace

VIEWER = build_system_actor("cli")
LONG = "The basket forgets what was put into it"


def read(database: Database, query: str = "") -> dict[str, FiledIssue]:
    return {each.key: each for each in read_stream(database, VIEWER, query)}


def change(database: Database, workplace: Workplace, number: int, **changes: object) -> None:
    with database.transaction() as session:
        issue = session.get_one(Issue, number)
        change_issue(session, issue, workplace.project, changes=changes, actor=workplace.manager, now=workplace.tick())


def test_an_issue_is_told_as_it_was_filed_with_the_labels_of_each_moment(database: Database) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
        add_component(session, workplace.project, name="Basket", actor=workplace.manager, now=workplace.moment)
        workplace.report(session, title=LONG, description="First", severity="low", by=Role.PROJECT_MANAGER)
    filed_at = workplace.moment
    change(database, workplace, 1, title="Another title", severity="high", component="Basket")
    change(database, workplace, 1, severity="critical")
    found = read(database)["B-1"]
    assert (found.report.title, found.report.description) == (LONG, "First")
    assert found.report.fields == {"project": "B", "issue_type": "bug"}
    moments = [filed_at - timedelta(seconds=1), filed_at, filed_at + timedelta(minutes=1), filed_at + timedelta(days=1)]
    assert [found.find_label("severity", at=each) for each in moments] == [None, "low", "high", "critical"]
    assert found.find_label("component", at=filed_at) is None
    assert found.find_label("component") == "Basket"
    assert found.find_label("team") is None


def test_labels_are_those_that_a_data_set_of_the_moment_has(database: Database) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
        for severity in ("low", "high", None):
            workplace.report(session, title=LONG, severity=severity, by=Role.PROJECT_MANAGER)
    for number, severity in ((1, "high"), (3, "low"), (2, None), (1, "critical")):
        change(database, workplace, number, severity=severity)
    pasts = {each.filed["issue_id"]: each for each in read_pasts(database, VIEWER, "")}
    for minutes in range(8):
        moment = workplace.moment - timedelta(minutes=minutes)
        rows = [row for batch in read_issues(database, VIEWER, "", as_of=moment) for row in batch.frame.to_dicts()]
        for row in rows:
            said = [value for since, value in pasts[row["issue_id"]].said["severity"] if since <= moment]
            assert said[-1] == row["severity"]


def test_where_an_import_brought_no_history_the_component_is_no_input(database: Database) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
        add_component(session, workplace.project, name="Basket", actor=workplace.manager, now=workplace.moment)
        for _ in range(2):
            workplace.report(session, title=LONG, component="Basket", by=Role.PROJECT_MANAGER)
        session.add(ImportedRecord(namespace="jira", kind="issue", source_id="1", target_id=2, content_hash="0" * 64))
    found = read(database)
    assert found["B-1"].report.fields["component"] == "Basket"
    assert "component" not in found["B-2"].report.fields
    assert (found["B-1"].is_documented, found["B-2"].is_documented) == (True, False)
    assert found["B-2"].find_label("component") == "Basket"


def test_what_is_too_short_teaches_nothing_and_is_asked_about_all_the_same(database: Database) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
        workplace.report(session, title="Oops", severity="low", by=Role.PROJECT_MANAGER)
        workplace.report(session, title=LONG, severity="high", by=Role.PROJECT_MANAGER)
    found = read(database, "project:B (severity:low)")
    assert list(found) == ["B-1"]
    assert found["B-1"].lesson is None
    assert found["B-1"].report.title == "Oops"
