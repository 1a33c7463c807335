import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.running import UnknownSourceError, run_import
from bugflow.tracker.issues.queries import get_issue, view_issue
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Comment, Issue, IssueRelation
from bugflow.tracker.projects.queries import get_project
from factories.exports import bugzilla_bug, github_comment, github_issue, jira_issue, jira_search, to_bytes

SYSTEM = build_system_actor("import")


def import_files(database: Database, source: str, *files: bytes, dry_run: bool = False) -> ImportReport:
    return run_import(database, source, files, project_key=None, dry_run=dry_run, actor=SYSTEM)


def count(database: Database, table: type) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_dry_run_says_what_a_run_does_and_writes_nothing(database: Database) -> None:
    files = (to_bytes([github_issue()]), to_bytes([github_comment()]))
    planned = import_files(database, "github", *files, dry_run=True)
    assert count(database, Issue) == 0
    done = import_files(database, "github", *files)
    for report in (planned, done):
        assert (report.new_issues, report.new_comments, report.new_projects) == (1, 1, ["ROCKET"])


def test_a_second_run_changes_nothing(database: Database) -> None:
    files = to_bytes({"bugs": [bugzilla_bug(12), bugzilla_bug(13, dupe_of=12)]})
    first = import_files(database, "bugzilla", files)
    assert (first.new_issues, first.new_relations) == (2, 1)
    second = import_files(database, "bugzilla", files)
    assert (second.new_issues, second.unchanged_issues, second.new_comments, second.new_users) == (0, 2, 0, 0)
    assert second.new_relations == 0
    assert (count(database, Issue), count(database, Comment), count(database, IssueRelation)) == (2, 2, 1)


def test_what_changed_at_the_source_is_taken_over_but_local_edits_stay(database: Database) -> None:
    import_files(database, "jira", jira_search(jira_issue("ROC-1"), jira_issue("ROC-2")))
    with database.transaction() as session:
        ours = get_issue(session, SYSTEM, "ROC-2")
        project = get_project(session, SYSTEM, "ROC")
        change_issue(session, ours, project, changes={"title": "Ours"}, actor=SYSTEM, now=utc_now())
    changed = jira_search(jira_issue("ROC-1", summary="Theirs"), jira_issue("ROC-2", summary="Theirs"))
    report = import_files(database, "jira", changed)
    assert (report.changed_issues, report.kept_local) == (1, 1)
    with database.snapshot() as session:
        titles = [get_issue(session, SYSTEM, key).title for key in ("ROC-1", "ROC-2")]
    assert titles == ["Theirs", "Ours"]


def test_new_issues_get_keys_behind_the_imported_ones(database: Database) -> None:
    import_files(database, "jira", jira_search(jira_issue("ROC-41")))
    with database.snapshot() as session:
        assert get_project(session, SYSTEM, "ROC").last_issue_number == 41


def test_imported_people_are_users_who_cannot_sign_in(database: Database) -> None:
    import_files(database, "jira", jira_search(jira_issue()))
    with database.snapshot() as session:
        reporter = view_issue(session, get_issue(session, SYSTEM, "ROC-5")).reporter
    assert (reporter.name, reporter.is_active, reporter.password_hash) == ("Reporter", False, None)


def test_an_unknown_tracker_is_refused_with_those_that_are_known(database: Database) -> None:
    with pytest.raises(UnknownSourceError, match="github, jira, bugzilla"):
        import_files(database, "mantis")


def test_a_killed_import_goes_on_without_doubling_anything(
    database_url: str, database: Database, tmp_path: Path
) -> None:
    export = tmp_path / "export.json"
    comments = {"comments": [{"id": "1", "body": "Seen.", "created": "2024-01-02T00:00:00.000+0000"}]}
    export.write_bytes(jira_search(*(jira_issue(f"ROC-{number}", comment=comments) for number in range(1, 2001))))
    environment = os.environ | {"BUGFLOW_DATABASE_URL": database_url, "BUGFLOW_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "bugflow", "import", "jira", str(export), "--json"]
    killed = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603 -- Our own command.
    deadline = time.monotonic() + 60
    while count(database, Issue) == 0 and time.monotonic() < deadline and killed.poll() is None:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = count(database, Issue)
    assert before > 0
    report = import_files(database, "jira", export.read_bytes())
    assert report.new_issues + report.unchanged_issues == 2000
    assert (count(database, Issue), count(database, Comment)) == (2000, 2000)
