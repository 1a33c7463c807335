import pytest
from sqlalchemy import select

from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.imports.people import PeopleFileError, read_people
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.issues.tables import Issue
from factories.app import Installation
from factories.exports import jira_issue, jira_search

PEOPLE = {"rep": "tester@example.com"}


def import_one(database: Database, people: dict[str, str], *, dry_run: bool = False) -> ImportReport:
    issue = jira_issue(assignee={"name": "dev", "emailAddress": "Developer@Example.com"})
    actor = build_system_actor("import")
    return run_import(
        database, "jira", [jira_search(issue)], project_key=None, dry_run=dry_run, actor=actor, people=people
    )


@pytest.mark.parametrize(
    "content",
    [
        b"login,email\nRep,Tester@Example.com\n",
        b"rep;tester@example.com",
        "\ufefflogin,email\r\nrep,tester@example.com\r\n".encode(),
        b'{"rep": "tester@example.com"}',
        b'[{"login": "rep", "email": "tester@example.com"}]',
    ],
)
def test_who_is_who_may_come_as_a_table_or_as_json(content: bytes) -> None:
    assert read_people(content) == PEOPLE


@pytest.mark.parametrize("content", [b"rep", b"rep,\n", b'{"rep": 5}', b"a,x@y\na,z@y\n", b"{", b'[{"a": 1}]'])
def test_a_file_of_people_that_cannot_be_used_is_refused(content: bytes) -> None:
    with pytest.raises(PeopleFileError, match="cannot be used"):
        read_people(content)


def test_people_with_an_account_here_keep_their_work(installation: Installation) -> None:
    database = installation.database
    planned, done = import_one(database, PEOPLE, dry_run=True), import_one(database, PEOPLE)
    assert (planned.new_users, done.new_users, done.without_account) == (0, 0, [])
    with database.snapshot() as session:
        reporter = session.scalars(select(User).join(Issue, Issue.reporter_id == User.id)).one()
        assignee = session.scalars(select(User).join(Issue, Issue.assignee_id == User.id)).one()
    assert (reporter.email, assignee.email) == ("tester@example.com", "developer@example.com")


def test_people_without_an_account_are_named_in_the_report(installation: Installation) -> None:
    report = import_one(installation.database, {})
    assert (report.new_users, report.without_account) == (1, ["rep"])
    late = import_one(installation.database, PEOPLE)
    assert late.left.examples["accounts of people whom an earlier import made users (they stay those)"] == ["rep"]
    assert late.new_users == 0


def test_an_account_that_is_not_here_stops_the_import_before_it_begins(installation: Installation) -> None:
    with pytest.raises(PeopleFileError, match="bugflow user add"):
        import_one(installation.database, {"rep": "missing@example.com"})
    with installation.database.snapshot() as session:
        assert session.scalars(select(Issue.id)).all() == []
