import json

import pytest

from bugflow.tracker.imports.bugzilla import read_bugzilla
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.github import read_github
from bugflow.tracker.imports.jira import read_jira
from bugflow.tracker.imports.jira_markup import to_markdown
from bugflow.tracker.imports.records import ImportedLink, NotCarried, Reader
from factories.exports import (
    bugzilla_bug,
    github_comment,
    github_issue,
    jira_issue,
    jira_search,
    to_bytes,
)


def test_github_labels_that_name_a_severity_set_it_and_the_repository_is_the_project() -> None:
    [issue] = read_github([to_bytes([github_issue()])], NotCarried())
    assert (issue.severity, issue.project_key, issue.key, issue.status) == ("high", "rocket", "#7", "open")


def test_github_pull_requests_and_their_comments_are_counted_not_carried() -> None:
    left = NotCarried()
    files = [to_bytes([github_issue(8, pull_request={})]), to_bytes([github_comment(8)])]
    assert list(read_github(files, left)) == []
    assert left.counts["pull requests"] == 1
    assert sum(left.counts.values()) == 2


@pytest.mark.parametrize("comments", [[github_comment()], {"7": [github_comment()]}])
def test_github_comments_may_come_as_a_list_or_by_issue_number(comments: object) -> None:
    [issue] = read_github([to_bytes(comments), to_bytes([github_issue()])], NotCarried())
    assert [comment.body for comment in issue.comments] == ["Same here."]


def test_a_closed_github_issue_that_says_so_is_a_duplicate() -> None:
    record = github_issue(state="closed", closed_at="2024-01-04T00:00:00Z", body="Duplicate of #3")
    [issue] = read_github([to_bytes([record])], NotCarried())
    assert issue.links == (ImportedLink("duplicate_of", "#3"),)
    assert issue.resolution == "duplicate"


def test_jira_keeps_keys_and_translates_words() -> None:
    [issue] = read_jira([jira_search(jira_issue())], NotCarried())
    assert (issue.key, issue.status, issue.resolution, issue.priority, issue.component) == (
        "ROC-5",
        "closed",
        "wontfix",
        "high",
        "Engine",
    )
    assert "component:Fuel" in issue.labels
    assert "```java\nx();\n```" in issue.description


def test_a_jira_link_makes_one_relation_though_both_issues_name_it() -> None:
    out = {"type": {"name": "Duplicate"}, "outwardIssue": {"key": "ROC-1"}}
    back = {"type": {"name": "Duplicate"}, "inwardIssue": {"key": "ROC-5"}}
    needs = {"type": {"name": "Depends"}, "inwardIssue": {"key": "ROC-9"}}
    records = jira_search(jira_issue("ROC-5", issuelinks=[out]), jira_issue("ROC-1", issuelinks=[back, needs]))
    links = [issue.links for issue in read_jira([records], NotCarried())]
    assert links == [(ImportedLink("duplicate_of", "ROC-1"),), (ImportedLink("blocks", "ROC-9"),)]


def test_a_jira_record_that_is_no_issue_stops_nothing() -> None:
    left = NotCarried()
    records = jira_search({"id": "1", "key": "ROC", "components": []}, jira_issue())
    assert len(list(read_jira([records], left))) == 1
    assert left.examples["records that are no issues (no key, summary or creation date)"] == ["ROC"]


def test_a_jira_cloud_document_becomes_markdown() -> None:
    document = {
        "type": "doc",
        "content": [
            {"type": "paragraph", "content": [{"type": "text", "text": "Hello"}]},
            {"type": "bulletList", "content": [{"type": "listItem", "content": [{"type": "text", "text": "one"}]}]},
        ],
    }
    assert to_markdown(document) == "Hello\n\n- one"


def test_a_bugzilla_bugs_first_comment_is_its_description() -> None:
    [bug] = read_bugzilla([to_bytes({"bugs": [bugzilla_bug()]})], NotCarried())
    assert (bug.description, len(bug.comments), bug.severity, bug.resolution) == ("It stalls.", 1, "high", "worksforme")
    assert bug.assignee is None
    assert [(change.field, change.new) for change in bug.changes] == [("status", "RESOLVED")]


@pytest.mark.parametrize("reader", [read_github, read_jira, read_bugzilla])
@pytest.mark.parametrize(
    "content", [b"", b"not json", b"[[[", b"7", b'"text"', b'{"a": 1}', b"\xff\xfe\x00", b"[" * 100_000]
)
def test_a_file_that_is_no_export_is_refused_or_holds_no_issue(reader: Reader, content: bytes) -> None:
    try:
        assert list(reader([content], NotCarried())) == []
    except ImportFileError as error:
        assert "export" in str(error)  # noqa: PT017 -- Either outcome is right.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_encoding_is_recognised(encoding: str) -> None:
    content = json.dumps([github_issue(title="Größe falsch")], ensure_ascii=False).encode(encoding)
    [issue] = read_github([content], NotCarried())
    assert issue.title == "Größe falsch"


def test_json_lines_are_read_too() -> None:
    content = b"\n".join(to_bytes(github_issue(number)) for number in (1, 2))
    assert len(list(read_github([content], NotCarried()))) == 2
