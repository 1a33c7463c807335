"""A suggestion is right or wrong by what people merged, related and rejected, and open without that."""

from itertools import permutations

import pytest
from sqlalchemy import select, update

from bugflow.assist.duplicates import jobs
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues, withdraw_rejection
from bugflow.assist.duplicates.settling import settle_duplicates, settle_groups, settle_said
from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.mlops.predictions import jobs as prediction_jobs
from bugflow.mlops.predictions.entries import digest_draft
from bugflow.mlops.predictions.service import record_entries
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.relations import relate_issues, unrelate_issues
from bugflow.tracker.issues.tables import Issue, IssueRelation
from factories.predictions import build_entry, read_ledger
from factories.workplace import Workplace, build_workplace

Verdict = tuple[str | None, str | None, str | None]
OPEN: Verdict = (None, None, None)
MANAGER = "project_manager"
RESOURCES = {"encoder": lambda: None, "settle_predictions": lambda: settle_said}


class Desk:
    """Issues B-1 to B-6, the oldest first, people who judge them, and what was suggested."""

    def __init__(self, database: Database) -> None:
        self.database = database
        with database.transaction() as session:
            self.workplace: Workplace = build_workplace(session, (f"Issue {number}" for number in range(6)))
        self.work()

    def suggest(self, number: int, label: int | None, *, version: str = "duplicates/1.0.0/20260101_000000") -> None:
        """Note what was suggested for an issue, by their numbers."""
        with self.database.transaction() as session:
            entry = build_entry(
                self.workplace.project.id,
                issue_id=self.find(number),
                field="duplicates",
                label=None if label is None else f"B-{label}",
                model_version=version,
                created_at=self.workplace.moment,
            )
            record_entries(session, [entry], settle=settle_said)

    def find(self, number: int) -> int:
        with self.database.snapshot() as session:
            return session.scalars(select(Issue.id).where(Issue.key == f"B-{number}")).one()

    def say(self, what: str, number: int, other: int = 0, by: Role = Role.PROJECT_MANAGER) -> None:
        """Let a person merge, unmerge, reject or withdraw."""
        actor, now = self.workplace.people[by], self.workplace.tick()
        with self.database.transaction() as session:
            issue = session.get_one(Issue, self.find(number))
            if what == "unmerge":
                unmerge_issues(session, issue, actor=actor, now=now)
                return
            second = session.get_one(Issue, self.find(other))
            if what == "merge":
                merge_issues(session, issue, second, evidence={}, actor=actor, now=now)
            elif what == "reject":
                reject_pair(session, issue, second, actor=actor, now=now)
            elif what == "relate":
                relate_issues(session, issue, second, kind="duplicate_of", actor=actor, now=now)
            else:
                withdraw_rejection(session, issue, second, actor=actor, now=now)

    def unrelate(self, number: int) -> None:
        with self.database.transaction() as session:
            issue = session.get_one(Issue, self.find(number))
            relation = session.scalars(select(IssueRelation.id).where(IssueRelation.source_id == issue.id)).one()
            unrelate_issues(session, issue, relation, actor=self.workplace.manager, now=self.workplace.tick())

    def work(self) -> None:
        """Do what the worker does."""
        registry = JobRegistry(JobRegistry.collect([jobs, prediction_jobs]), resources=RESOURCES)
        MemoryRunner(self.database, registry).run_pending()

    def read(self) -> dict[str, Verdict]:
        """Run the jobs, and return by what was suggested the truth, the outcome and who settled it."""
        self.work()
        return {row.label or "nothing": (row.truth, row.outcome, row.settled_by) for row in read_ledger(self.database)}


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


def test_it_is_open_until_somebody_says_something(desk: Desk) -> None:
    desk.suggest(3, 1)
    assert desk.read() == {"B-1": OPEN}


def test_a_merge_into_what_was_suggested_makes_it_right_and_another_one_wrong(desk: Desk) -> None:
    desk.suggest(3, 1)
    desk.suggest(3, 2, version="other")
    desk.suggest(3, None, version="silent")
    desk.say("merge", 3, 1)
    assert desk.read() == {
        "B-1": ("B-1", "right", MANAGER),
        "B-2": ("B-1", "wrong", MANAGER),
        "nothing": ("B-1", "wrong", MANAGER),
    }
    moments = {row.settled_at for row in read_ledger(desk.database)}
    assert moments == {desk.workplace.moment}


def test_it_is_right_where_both_are_in_one_group_now_whichever_way(desk: Desk) -> None:
    desk.suggest(4, 2)
    desk.say("merge", 4, 3, by=Role.DEVELOPER)
    assert desk.read() == {"B-2": ("B-3", "wrong", "developer")}
    desk.say("merge", 3, 2)
    assert desk.read() == {"B-2": ("B-2", "right", "developer")}
    desk.say("merge", 2, 1)
    assert desk.read() == {"B-2": ("B-1", "right", "developer")}
    desk.say("unmerge", 2)
    desk.say("unmerge", 3)
    assert desk.read() == {"B-2": ("B-3", "wrong", "developer")}
    desk.say("unmerge", 4)
    assert desk.read() == {"B-2": OPEN}


def test_what_was_suggested_may_be_merged_into_the_right_one_later(desk: Desk) -> None:
    desk.suggest(4, 3)
    desk.say("merge", 4, 1)
    assert desk.read() == {"B-3": ("B-1", "wrong", MANAGER)}
    desk.say("merge", 3, 1)
    assert desk.read() == {"B-3": ("B-1", "right", MANAGER)}
    desk.say("unmerge", 3)
    assert desk.read() == {"B-3": ("B-1", "wrong", MANAGER)}


def test_a_rejection_makes_it_wrong_until_it_is_withdrawn(desk: Desk) -> None:
    desk.suggest(3, 1)
    desk.suggest(3, 2, version="other")
    desk.suggest(3, None, version="silent")
    desk.say("reject", 3, 1, by=Role.DEVELOPER)
    assert desk.read() == {"B-1": ("not B-1", "wrong", "developer"), "B-2": OPEN, "nothing": OPEN}
    desk.say("withdraw", 1, 3)
    assert set(desk.read().values()) == {OPEN}
    desk.say("reject", 3, 1)
    desk.say("merge", 3, 2)
    assert desk.read()["B-1"] == ("B-2", "wrong", MANAGER)
    desk.say("unmerge", 3)
    assert desk.read()["B-1"] == ("not B-1", "wrong", MANAGER)


def test_who_rejects_any_issue_of_the_group_rejects_the_suggestion(desk: Desk) -> None:
    desk.suggest(4, 1)
    desk.say("merge", 2, 1)
    desk.say("reject", 4, 2)
    assert desk.read() == {"B-1": ("not B-2", "wrong", MANAGER)}
    desk.say("unmerge", 2)
    assert desk.read() == {"B-1": OPEN}
    desk.say("merge", 2, 1)
    assert desk.read() == {"B-1": ("not B-2", "wrong", MANAGER)}


def test_a_relation_that_a_person_makes_counts_as_a_merge(desk: Desk) -> None:
    desk.suggest(3, 1)
    desk.say("relate", 3, 1, by=Role.DEVELOPER)
    assert desk.read() == {"B-1": ("B-1", "right", "developer")}
    desk.unrelate(3)
    assert desk.read() == {"B-1": OPEN}


def test_what_an_import_or_a_program_links_says_nothing(desk: Desk) -> None:
    desk.suggest(3, 1)
    with desk.database.transaction() as session:
        issues = [session.get_one(Issue, desk.find(number)) for number in (3, 1)]
        relate_issues(
            session, *issues, kind="duplicate_of", actor=build_system_actor("import"), now=desk.workplace.tick()
        )
    assert desk.read() == {"B-1": OPEN}
    with desk.database.transaction() as session:
        settle_groups(session, {desk.find(1)})
    assert desk.read() == {"B-1": OPEN}


def test_what_is_written_down_after_the_merge_is_settled_at_once(desk: Desk) -> None:
    desk.say("merge", 3, 1)
    desk.work()
    desk.suggest(3, 1)
    [row] = read_ledger(desk.database)
    assert (row.truth, row.outcome) == ("B-1", "right")


def test_a_draft_whose_issue_was_merged_before_it_was_found_is_settled(desk: Desk) -> None:
    tester = desk.workplace.people[Role.TESTER].user_id or 0
    key = digest_draft(reporter_id=tester, project_id=desk.workplace.project.id, description="It fails.")
    with desk.database.transaction() as session:
        moment = desk.workplace.tick()
        project = desk.workplace.project.id
        draft = build_entry(project, draft_key=key, field="duplicates", label="B-1", created_at=moment)
        record_entries(session, [draft], settle=settle_said)
        desk.workplace.report(session, description="It fails.")
    desk.say("merge", 7, 1)
    assert desk.read() == {"B-1": ("B-1", "right", MANAGER)}


def test_fields_are_left_alone_and_leave_it_alone(desk: Desk) -> None:
    desk.suggest(3, 1)
    with desk.database.transaction() as session:
        record_entries(session, [build_entry(desk.workplace.project.id, issue_id=desk.find(3))], settle=settle_said)
    desk.say("merge", 3, 1)
    desk.work()
    with desk.database.transaction() as session:
        settle_said(session, desk.find(3), {"severity"})
    outcomes = {row.field: row.outcome for row in read_ledger(desk.database)}
    assert outcomes == {"severity": None, "duplicates": "right"}


def test_settling_again_and_in_any_order_changes_nothing(desk: Desk) -> None:
    desk.suggest(4, 1)
    desk.suggest(5, 2)
    desk.suggest(3, 2)
    desk.say("merge", 4, 3)
    desk.say("merge", 3, 1)
    desk.say("reject", 5, 2)
    desk.read()
    first = {row.issue_id: (row.truth, row.outcome, row.settled_at) for row in read_ledger(desk.database)}
    assert {outcome for _, outcome, _ in first.values()} == {"right", "wrong"}
    for order in permutations([desk.find(number) for number in (3, 4, 5)]):
        with desk.database.transaction() as session:
            for number in order:
                settle_duplicates(session, {number})
            settle_duplicates(session, {4711})
            settle_groups(session, set(order))
        again = {row.issue_id: (row.truth, row.outcome, row.settled_at) for row in read_ledger(desk.database)}
        assert again == first


def test_an_issue_that_is_restricted_since_is_settled_all_the_same(desk: Desk) -> None:
    desk.suggest(3, 1)
    with desk.database.transaction() as session:
        session.execute(update(Issue).where(Issue.key == "B-1").values(restricted=True))
    desk.say("merge", 3, 1)
    assert desk.read() == {"B-1": ("B-1", "right", MANAGER)}
