import json
from typing import Any

import pytest
from sqlalchemy import select

from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.issues.tables import Comment, Issue, IssueLabel
from factories.exports import bugzilla_bug, github_comment, github_issue, jira_issue, jira_search, to_bytes

HALF = "a\ud800b"
PUMP = "https://api.github.com/repos/acme/pump"


def bugs(*records: dict[str, Any]) -> bytes:
    return to_bytes({"bugs": records})


def linked(key: str, other: str) -> dict[str, Any]:
    return jira_issue(key, issuelinks=[{"type": {"name": "Duplicate"}, "outwardIssue": {"key": other}}])


def comment(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- JSON.
    return {"comments": [{"id": "1", "body": "Seen.", "created": "2024-01-02T00:00:00.000+0000"} | changes]}


def import_file(
    database: Database, source: str, *files: bytes, dry_run: bool = False, project_key: str | None = None
) -> ImportReport:
    actor = build_system_actor("import")
    return run_import(database, source, files, project_key=project_key, dry_run=dry_run, actor=actor)


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("jira", jira_search(jira_issue(summary=HALF, description=HALF, labels=[HALF], comment=comment(body=HALF)))),
        ("jira", jira_search(jira_issue(reporter={"name": HALF}, components=[{"name": HALF}], project={"name": HALF}))),
        ("jira", jira_search(jira_issue(created="0001-01-01T00:00:00Z", duedate="9999-12-31"))),
        ("jira", jira_search(jira_issue(comment=comment(created="9999-12-31T23:59:59-12:00")))),
        ("jira", jira_search(jira_issue(summary="=1+1\0", description="\0", labels=["\0x"]))),
        ("jira", jira_search(jira_issue(description="x" * 10_000_000))),
        ("jira", jira_search(jira_issue(storyPoints="NaN", timespent=-5, timeoriginalestimate="9" * 400))),
        ("jira", jira_search(jira_issue("ROC-5"), jira_issue("roc-5"), jira_issue("ROC-5"))),
        ("jira", jira_search(linked("ROC-1", "ROC-2"), linked("ROC-2", "ROC-1"), linked("ROC-3", "ROC-3"))),
        ("jira", jira_search(jira_issue(), jira_issue("R" * 80 + "-1"), jira_issue("R" * 80 + "-2"))),
        ("jira", jira_search(jira_issue(reporter={"name": "l" * 130 + "a"}, assignee={"name": "l" * 130 + "b"}))),
        ("github", to_bytes([github_issue(assignees=5, html_url="javascript:alert(1)", user={"login": HALF})])),
        ("github", to_bytes([github_issue(state="closed", body=f"Duplicate of #{'9' * 5000}")])),
        ("github", to_bytes([github_issue(-5), github_issue(10**30)])),
        ("bugzilla", bugs(bugzilla_bug(keywords=5, blocks=5, comments="x", estimated_time="nan"))),
        ("bugzilla", bugs(bugzilla_bug(1, dupe_of=2), bugzilla_bug(2, dupe_of=1), bugzilla_bug(-1))),
    ],
)
def test_hostile_values_are_imported_as_the_dry_run_says_and_once(
    database: Database, source: str, content: bytes
) -> None:
    planned, done, again = (import_file(database, source, content, dry_run=dry) for dry in (True, False, False))
    assert done.new_issues >= 1
    for name in ("new_issues", "new_comments", "new_projects", "new_users", "without_account"):
        assert getattr(planned, name) == getattr(done, name)
    assert (again.new_issues, again.new_comments, again.new_users, again.new_relations) == (0, 0, 0, 0)
    assert again.changed_issues == 0


@pytest.mark.parametrize("number", ["9" * 6000, "-" + "9" * 6000])
def test_a_number_of_too_many_digits_is_refused(database: Database, number: str) -> None:
    with pytest.raises(ImportFileError, match="more digits"):
        import_file(database, "jira", b'{"issues": [{"x": ' + number.encode() + b"}]}")


def test_the_same_number_of_two_trackers_is_two_issues(database: Database) -> None:
    for project, title in (("ONE", "First"), ("TWO", "Second")):
        import_file(database, "bugzilla", bugs(bugzilla_bug(12, summary=title)), project_key=project)
    with database.snapshot() as session:
        found = session.execute(select(Issue.key, Issue.title).order_by(Issue.key)).all()
    assert [tuple(row) for row in found] == [("ONE-12", "First"), ("TWO-12", "Second")]


def test_a_comment_goes_to_the_issue_of_its_own_repository(database: Database) -> None:
    issues = [github_issue(1), github_issue(1, repository_url=PUMP, url=f"{PUMP}/issues/1")]
    comments = [github_comment(1) | {"issue_url": f"{PUMP}/issues/1"}]
    import_file(database, "github", to_bytes(issues), to_bytes(comments))
    with database.snapshot() as session:
        keys = session.scalars(select(Issue.key).join(Comment, Comment.issue_id == Issue.id)).all()
    assert keys == ["PUMP-1"]


def test_github_events_become_history(database: Database) -> None:
    about = {"url": "https://api.github.com/repos/acme/rocket/issues/7"}
    event = {"event": "closed", "actor": {"login": "someone"}, "created_at": "2024-01-02T04:00:00Z", "issue": about}
    other = event | {"event": "pinned"}
    report = import_file(database, "github", to_bytes([github_issue()]), to_bytes([event, other]))
    assert report.new_history == 1
    assert report.left.examples["events that change no field BugFlow has"] == ["#7 pinned"]


def test_labels_that_changed_at_the_source_are_taken_over(database: Database) -> None:
    for labels in (["old", "both"], ["both", "new"]):
        import_file(database, "jira", jira_search(jira_issue(labels=labels, components=[])))
    with database.snapshot() as session:
        assert sorted(session.scalars(select(IssueLabel.label))) == ["both", "new"]


def test_a_comment_edited_at_the_source_is_not_doubled(database: Database) -> None:
    later = comment(body="Seen twice.", updated="2024-01-03T00:00:00.000+0000")
    for value in (comment(), later):
        import_file(database, "jira", jira_search(jira_issue(comment=value)))
    with database.snapshot() as session:
        assert session.scalars(select(Comment.body)).all() == ["Seen twice."]


def test_broken_rows_are_named_by_their_lines_and_the_others_imported(database: Database) -> None:
    lines = ["Issue key,Summary,Created", "ROC-1,One,2024-01-01", 'ROC-2,"x"y,2024-01-01', "ROC-3,Three,2024-01-01"]
    report = import_file(database, "jira", "\n".join([*lines, '"ROC-4,open']).encode())
    assert report.new_issues == 2
    broken = report.left.examples["rows that are no CSV"]
    assert [text.split(":")[0] for text in broken] == ["line 3", "line 5"]


def test_a_file_that_is_not_utf_8_is_read_as_latin_1_and_said_to_be(database: Database) -> None:
    content = json.dumps([github_issue(title="Größe")], ensure_ascii=False).encode("latin-1")
    report = import_file(database, "github", content)
    assert any("Latin-1" in what for what in report.left.counts)
    assert report.new_issues == 1
