from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from bugflow.cli.demo import build_demo
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.demo import load_issues
from bugflow.tracker.issues.tables import Comment, Issue, IssueRelation
from bugflow.tracker.issues.vocabulary import FINISHED, PRIORITIES, STATUSES
from bugflow.tracker.sprints.tables import Sprint, SprintMembership
from factories.settings import build_settings


def test_the_demo_has_a_few_hundred_issues_and_each_is_different() -> None:
    issues = load_issues()
    assert len(issues) > 300
    assert max(Counter(issue.title for issue in issues).values()) == 1
    assert max(Counter(issue.description for issue in issues).values()) == 1
    assert {issue.team for issue in issues} == {"Backend", "Frontend", "Mobile", "DevOps"}
    assert {issue.severity for issue in issues} == {"low", "medium", "high", "critical"}
    assert {issue.issue_type for issue in issues} == {"bug", "story", "task"}


def test_every_duplicate_of_the_demo_is_younger_than_what_it_repeats() -> None:
    by_title = {issue.title: issue for issue in load_issues()}
    duplicates = [issue for issue in by_title.values() if issue.duplicate_of is not None]
    assert len(duplicates) > 25
    for issue in duplicates:
        assert by_title[issue.duplicate_of or ""].day > issue.day


def test_every_value_of_the_demo_is_one_that_there_is() -> None:
    by_title = {issue.title: issue for issue in load_issues()}
    for issue in by_title.values():
        assert issue.status in STATUSES
        assert issue.priority in PRIORITIES
        assert issue.assignee in {None, "dev"}
        assert set(issue.watchers) <= {"tester", "dev", "pm"}
        assert (issue.due_in_days or 0) >= 0
        for title in (*issue.relates_to, *issue.blocks):
            assert by_title[title].project == issue.project


def test_the_demo_is_talked_about_by_everybody_and_mostly_finished() -> None:
    issues = load_issues()
    assert {author for issue in issues for author, _ in issue.list_comments()} == {"tester", "dev", "pm"}
    assert sum(issue.status in FINISHED for issue in issues) > len(issues) / 2
    assert sum(bool(issue.stack_trace) for issue in issues) > 20
    assert all(issue.actual_hours is None for issue in issues if issue.status not in FINISHED)


def test_the_demo_is_built_once_with_a_past_of_sprints(database: Database, tmp_path: Path) -> None:
    settings = build_settings(tmp_path, demo=True)
    for _ in range(2):
        build_demo(database, settings)
    with database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(Issue)) == len(load_issues())
        states = Counter(session.scalars(select(Sprint.state)))
        assert states == {"completed": 39, "active": 3, "planned": 3}
        assert (session.scalar(select(func.count()).select_from(SprintMembership)) or 0) > 100
        assert Counter(session.scalars(select(IssueRelation.kind)))["duplicate_of"] > 25
        assert set(session.scalars(select(IssueRelation.kind))) == {"duplicate_of", "relates_to", "blocks"}
        late = select(func.count()).where(Issue.resolved_at < Issue.created_at)
        assert session.scalar(late) == 0
        assert session.scalar(select(func.count()).where(Issue.updated_at > utc_now())) == 0
        early = select(func.count()).select_from(Comment).join(Issue, Issue.id == Comment.issue_id)
        assert session.scalar(early.where(Comment.created_at <= Issue.created_at)) == 0
        assert session.scalar(early.where(Comment.created_at > Issue.resolved_at)) == 0
