from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.errors import (
    MergedIntoItselfError,
    NotMergedError,
    PairMergedError,
    RejectionNotFoundError,
)
from bugflow.assist.duplicates.queries import list_rejected, list_verdicts
from bugflow.assist.duplicates.service import (
    Unmerged,
    merge_issues,
    reject_pair,
    unmerge_issues,
    withdraw_rejection,
)
from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.core.jobs.tables import OutboxEvent
from bugflow.tracker.accounts.actor import NoUserError, build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.audit.tables import AuditEntry
from bugflow.tracker.issues.duplicates import Progress
from bugflow.tracker.issues.errors import (
    AlreadyDuplicateError,
    MayNotChangeIssueError,
    NewerTargetError,
)
from bugflow.tracker.issues.queries import list_changes
from bugflow.tracker.issues.relations import relate_issues, unrelate_issues
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue, IssueRelation
from bugflow.tracker.projects.errors import ProjectArchivedError
from factories.workplace import Workplace, build_workplace


@dataclass
class Desk:
    """A project manager at work."""

    session: Session
    workplace: Workplace

    def report(self, **fields: Any) -> Issue:  # noqa: ANN401 -- Any field.
        return self.workplace.report(self.session, **fields)

    def merge(self, source: Issue, target: Issue, **evidence: Any) -> DuplicateVerdict:  # noqa: ANN401 -- JSON.
        return merge_issues(
            self.session,
            source,
            target,
            evidence=evidence,
            actor=self.workplace.manager,
            now=self.workplace.tick(),
        )

    def unmerge(self, source: Issue) -> Unmerged:
        return unmerge_issues(self.session, source, actor=self.workplace.manager, now=self.workplace.tick())

    def change(self, issue: Issue, **changes: Any) -> None:  # noqa: ANN401 -- Any field.
        change_issue(
            self.session,
            issue,
            self.workplace.project,
            changes=changes,
            actor=self.workplace.manager,
            now=self.workplace.tick(),
        )

    def reject(self, issue: Issue, other: Issue) -> DuplicateVerdict | None:
        return reject_pair(self.session, issue, other, actor=self.workplace.manager, now=self.workplace.tick())

    def withdraw(self, issue: Issue, other: Issue) -> None:
        withdraw_rejection(self.session, issue, other, actor=self.workplace.manager, now=self.workplace.tick())

    def target_of(self, issue: Issue) -> int | None:
        statement = select(IssueRelation.target_id).where(IssueRelation.source_id == issue.id)
        return self.session.scalar(statement)


@pytest.fixture
def desk(session: Session) -> Desk:
    return Desk(session, build_workplace(session))


def test_a_merged_issue_is_closed_as_a_duplicate_and_everybody_can_see_why(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    verdict = desk.merge(newer, older, probability=0.93, reasons=[{"kind": "word", "what": "login"}])
    assert (newer.status, newer.resolution, newer.closed_at) == ("closed", "duplicate", desk.workplace.moment)
    assert desk.target_of(newer) == older.id
    assert (older.status, older.version) == ("open", 1)
    history = [(each.field, each.old, each.new) for each, _ in list_changes(desk.session, newer)]
    assert history == [
        ("status", "open", "closed"),
        ("resolution", None, "duplicate"),
        ("duplicate_of", None, "B-1"),
    ]
    assert (verdict.verdict, verdict.source_id, verdict.target_id) == ("merged", newer.id, older.id)
    assert (verdict.author_role, verdict.evidence["probability"]) == ("project_manager", 0.93)
    [entry] = desk.session.scalars(select(AuditEntry).where(AuditEntry.action == "duplicate.merged"))
    assert entry.after == {"other": "B-1", "canonical": "B-1"}
    names = desk.session.scalars(select(OutboxEvent.name).order_by(OutboxEvent.id.desc()).limit(2)).all()
    assert set(names) == {"IssuesMerged", "IssueChanged"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": "in_progress"},
        {"status": "resolved", "resolution": "worksforme"},
        {"status": "closed", "resolution": "wontfix"},
    ],
    ids=["open", "in progress", "resolved", "closed"],
)
def test_unmerging_restores_exactly_what_was_before(desk: Desk, changes: dict[str, str]) -> None:
    older, newer = desk.report(), desk.report()
    if changes:
        desk.change(newer, **changes)
    before = Progress.of(newer)
    desk.merge(newer, older)
    done = desk.unmerge(newer)
    desk.session.refresh(newer)
    assert (Progress.of(newer), done.restored, done.target) == (before, True, older)
    assert desk.target_of(newer) is None


@pytest.mark.parametrize("changes", [{"status": "open"}, {"resolution": "wontfix"}])
def test_unmerging_leaves_what_somebody_chose_since(desk: Desk, changes: dict[str, str]) -> None:
    older, newer = desk.report(), desk.report()
    desk.merge(newer, older)
    desk.change(newer, **changes)
    chosen = Progress.of(newer)
    assert not desk.unmerge(newer).restored
    assert Progress.of(newer) == chosen


def test_closing_again_as_a_duplicate_is_a_newer_choice(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    desk.merge(newer, older)
    desk.change(newer, status="open")
    desk.change(newer, status="closed", resolution="duplicate")
    assert not desk.unmerge(newer).restored
    assert (newer.status, newer.resolution) == ("closed", "duplicate")


def test_changes_of_other_fields_stay_and_do_not_hinder_restoring(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    desk.merge(newer, older)
    desk.change(newer, title="Better", severity="high")
    assert desk.unmerge(newer).restored
    assert (newer.status, newer.title) == ("open", "Better")


def test_the_duplicates_of_a_merged_issue_come_along_and_go_back(desk: Desk) -> None:
    oldest, middle, newest, other = (desk.report() for _ in range(4))
    desk.merge(newest, middle)
    desk.merge(other, oldest)
    assert desk.merge(middle, oldest).repointed == [newest.id]
    assert {desk.target_of(each) for each in (middle, newest, other)} == {oldest.id}
    assert desk.unmerge(middle).moved == (newest.id,)
    assert (desk.target_of(newest), desk.target_of(other), desk.target_of(middle)) == (middle.id, oldest.id, None)


def test_a_duplicate_that_was_merged_anew_meanwhile_does_not_go_back(desk: Desk) -> None:
    oldest, middle, newest = (desk.report() for _ in range(3))
    desk.merge(newest, middle)
    desk.merge(middle, oldest)
    desk.unmerge(newest)
    desk.merge(newest, oldest)
    assert desk.unmerge(middle).moved == ()
    assert desk.target_of(newest) == oldest.id


@pytest.mark.parametrize("outer_first", [True, False])
def test_merges_of_merges_are_taken_back_in_any_order(desk: Desk, *, outer_first: bool) -> None:
    first, second, third, fourth = (desk.report() for _ in range(4))
    desk.merge(fourth, third)
    desk.merge(third, second)
    desk.merge(second, first)
    assert {desk.target_of(each) for each in (second, third, fourth)} == {first.id}
    order = (second, third, fourth) if outer_first else (fourth, third, second)
    for each in order:
        assert desk.unmerge(each).restored
    assert [each.status for each in (second, third, fourth)] == ["open"] * 3
    assert [desk.target_of(each) for each in (second, third, fourth)] == [None] * 3


def test_an_issue_that_was_only_related_is_unmerged_without_touching_its_status(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    relate_issues(
        desk.session, newer, older, kind="duplicate_of", actor=desk.workplace.manager, now=desk.workplace.tick()
    )
    assert not desk.unmerge(newer).restored
    assert (newer.status, desk.target_of(newer)) == ("open", None)


def test_a_merge_that_was_undone_as_a_relation_does_not_restore_a_later_relation(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    desk.merge(newer, older)
    link = desk.session.scalars(select(IssueRelation)).one()
    actor = desk.workplace.manager
    unrelate_issues(desk.session, newer, link.id, actor=actor, now=desk.workplace.tick())
    relate_issues(desk.session, newer, older, kind="duplicate_of", actor=actor, now=desk.workplace.tick())
    assert not desk.unmerge(newer).restored
    assert newer.status == "closed"


def test_what_cannot_be_merged_is_said_in_a_sentence_and_leaves_nothing(desk: Desk) -> None:
    older, newer, third = (desk.report() for _ in range(3))
    with pytest.raises(NewerTargetError, match=r"^B-2 is newer than B-1\. Merge B-2 into B-1 instead\.$"):
        desk.merge(older, newer)
    with pytest.raises(MergedIntoItselfError, match="B-1 is one and the same issue"):
        desk.merge(older, older)
    with pytest.raises(NotMergedError, match="B-1 is no duplicate"):
        desk.unmerge(older)
    desk.merge(newer, older)
    with pytest.raises(AlreadyDuplicateError, match=r"B-2 is already a duplicate of B-1\. Unmerge it first"):
        desk.merge(newer, third)
    assert len(desk.session.scalars(select(DuplicateVerdict)).all()) == 1


def test_only_a_person_merges_unmerges_and_rejects(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    nobody, now = build_system_actor("job"), desk.workplace.tick()
    for refused in (
        lambda: merge_issues(desk.session, newer, older, evidence={}, actor=nobody, now=now),
        lambda: unmerge_issues(desk.session, newer, actor=nobody, now=now),
        lambda: reject_pair(desk.session, newer, older, actor=nobody, now=now),
    ):
        with pytest.raises(NoUserError):
            refused()


@pytest.mark.parametrize("role", [Role.TESTER, Role.DEVELOPER])
def test_only_who_may_change_the_duplicate_merges_it(desk: Desk, role: Role) -> None:
    admin = desk.workplace.people[Role.ADMIN]
    older, newer = desk.report(assignee=admin.user_id), desk.report(assignee=admin.user_id)
    actor, now = desk.workplace.people[role], desk.workplace.tick()
    calls: list[Callable[[], object]] = [
        lambda: merge_issues(desk.session, newer, older, evidence={}, actor=actor, now=now),
        lambda: unmerge_issues(desk.session, newer, actor=actor, now=now),
        lambda: reject_pair(desk.session, newer, older, actor=actor, now=now),
        lambda: withdraw_rejection(desk.session, newer, older, actor=actor, now=now),
    ]
    for refused in calls:
        with pytest.raises(MayNotChangeIssueError):
            refused()


def test_a_developer_merges_what_is_theirs_or_nobodys_into_anything_visible(desk: Desk) -> None:
    developer = desk.workplace.people[Role.DEVELOPER]
    older = desk.report(assignee=desk.workplace.people[Role.ADMIN].user_id)
    for newer in (desk.report(), desk.report(assignee=developer.user_id)):
        merge_issues(desk.session, newer, older, evidence={}, actor=developer, now=desk.workplace.tick())
        assert desk.target_of(newer) == older.id


def test_nothing_is_merged_out_of_an_archived_project(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    desk.workplace.project.archived_at = desk.workplace.tick()
    with pytest.raises(ProjectArchivedError):
        desk.merge(newer, older)


def test_a_rejection_holds_for_both_issues_and_is_recorded_once(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    assert desk.reject(older, newer) is not None
    assert desk.reject(newer, older) is None
    assert desk.reject(older, newer) is None
    assert (list_rejected(desk.session, older.id), list_rejected(desk.session, newer.id)) == ({newer.id}, {older.id})
    [row] = desk.session.scalars(select(DuplicateVerdict))
    assert (row.verdict, row.source_id, row.target_id) == ("rejected", newer.id, older.id)


def test_a_rejection_can_be_withdrawn_and_said_again(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    with pytest.raises(RejectionNotFoundError, match="nothing to withdraw"):
        desk.withdraw(older, newer)
    desk.reject(older, newer)
    desk.withdraw(newer, older)
    assert list_rejected(desk.session, older.id) == set()
    assert desk.reject(older, newer) is not None
    assert list_rejected(desk.session, older.id) == {newer.id}


def test_a_rejection_is_about_two_issues_and_not_about_what_they_are_merged_into(desk: Desk) -> None:
    oldest, middle, newest = (desk.report() for _ in range(3))
    desk.reject(newest, middle)
    desk.merge(middle, oldest)
    assert list_rejected(desk.session, newest.id) == {middle.id}
    assert list_rejected(desk.session, oldest.id) == set()


def test_a_rejected_pair_may_be_merged_and_is_rejected_again_once_unmerged(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    desk.reject(newer, older)
    desk.merge(newer, older)
    with pytest.raises(PairMergedError, match="B-2 and B-1 are merged"):
        desk.reject(newer, older)
    desk.unmerge(newer)
    assert list_rejected(desk.session, newer.id) == {older.id}
    views = list_verdicts(desk.session, desk.workplace.manager, older)
    assert [view.verdict.verdict for view in views] == ["rejected", "merged", "unmerged"]


def test_unmerging_alone_rejects_nothing(desk: Desk) -> None:
    older, newer = desk.report(), desk.report()
    desk.merge(newer, older)
    desk.unmerge(newer)
    assert list_rejected(desk.session, newer.id) == set()


def test_the_ledger_keeps_the_pair_that_was_judged_beside_the_canonical_issue(desk: Desk) -> None:
    oldest, middle, newest = (desk.report() for _ in range(3))
    desk.merge(middle, oldest)
    desk.merge(newest, middle)
    desk.unmerge(newest)
    rows = desk.session.scalars(select(DuplicateVerdict).where(DuplicateVerdict.source_id == newest.id)).all()
    assert [(row.verdict, row.target_id, row.canonical_id) for row in rows] == [
        ("merged", middle.id, oldest.id),
        ("unmerged", middle.id, oldest.id),
    ]


@pytest.mark.parametrize(
    "verb", ["UPDATE duplicate_verdicts SET verdict = 'unmerged'", "DELETE FROM duplicate_verdicts"]
)
def test_the_database_refuses_to_rewrite_the_ledger(desk: Desk, verb: str) -> None:
    desk.merge(*reversed((desk.report(), desk.report())))
    with pytest.raises(DatabaseError, match="append-only"):
        desk.session.execute(text(verb))
