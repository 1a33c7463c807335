"""Several people at once, each with a transaction of their own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from bugflow.assist.duplicates.queries import list_rejected
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues
from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import ConflictError
from bugflow.tracker.issues.tables import Issue, IssueRelation
from factories.workplace import Workplace, build_workplace

ROUNDS = 12
Deed = tuple[str, int, int]


@dataclass
class Crowd:
    """Project managers who do not wait for each other."""

    database: Database
    workplace: Workplace
    errors: list[Exception] = field(default_factory=list)

    def report(self, amount: int) -> list[int]:
        with self.database.transaction() as session:
            return [self.workplace.report(session).id for _ in range(amount)]

    def do(self, session: Session, deed: Deed) -> None:
        what, first, second = deed
        actor, issue = self.workplace.manager, session.get_one(Issue, first)
        if what == "merge":
            merge_issues(session, issue, session.get_one(Issue, second), evidence={}, actor=actor, now=utc_now())
        elif what == "unmerge":
            unmerge_issues(session, issue, actor=actor, now=utc_now())
        else:
            reject_pair(session, issue, session.get_one(Issue, second), actor=actor, now=utc_now())

    def at_once(self, deeds: Sequence[Deed]) -> list[Exception]:
        """Do all of this at the same moment, and return the conflicts; any other error fails the test."""
        errors: list[Exception] = []
        barrier = threading.Barrier(len(deeds))

        def work(deed: Deed) -> None:
            barrier.wait(30)
            try:
                with self.database.transaction() as session:
                    self.do(session, deed)
            except Exception as error:  # noqa: BLE001 -- Looked at below.
                errors.append(error)

        run_all([lambda deed=deed: work(deed) for deed in deeds])  # type: ignore[misc]
        assert all(isinstance(error, ConflictError) for error in errors), errors
        return errors

    def links(self) -> dict[int, int]:
        with self.database.snapshot() as session:
            rows = session.execute(select(IssueRelation.source_id, IssueRelation.target_id))
            return {row[0]: row[1] for row in rows}


def run_all(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@pytest.fixture
def crowd(database: Database) -> Iterator[Crowd]:
    with database.transaction() as session:
        workplace = build_workplace(session)
    opened = Crowd(database, workplace)
    yield opened
    first, second = aliased(IssueRelation), aliased(IssueRelation)
    chains = select(func.count()).select_from(first).join(second, second.source_id == first.target_id)
    with database.snapshot() as session:
        assert session.scalar(chains) == 0
        ages = select(IssueRelation.source_created_at, IssueRelation.target_created_at)
        assert all(source > target for source, target in session.execute(ages))


def test_merging_into_an_issue_that_is_merged_at_the_same_moment_leaves_no_chain(crowd: Crowd) -> None:
    for _ in range(ROUNDS):
        oldest, middle, newest = crowd.report(3)
        assert crowd.at_once([("merge", newest, middle), ("merge", middle, oldest)]) == []
        links = crowd.links()
        assert (links[newest], links[middle]) == (oldest, oldest)


def test_merging_two_issues_into_each_other_at_the_same_moment_merges_the_newer_one(crowd: Crowd) -> None:
    for _ in range(ROUNDS):
        older, newer = crowd.report(2)
        [error] = crowd.at_once([("merge", newer, older), ("merge", older, newer)])
        assert "is newer than" in str(error) or "leads back to" in str(error)
        links = crowd.links()
        assert (links[newer], older in links) == (older, False)


def test_of_two_who_merge_an_issue_into_different_ones_the_second_is_told(crowd: Crowd) -> None:
    for _ in range(ROUNDS):
        first, second, newest = crowd.report(3)
        [error] = crowd.at_once([("merge", newest, first), ("merge", newest, second)])
        assert "is already a duplicate of" in str(error)
        assert crowd.links()[newest] in {first, second}


def test_of_many_who_merge_the_same_pair_one_does_and_the_ledger_has_one_row(crowd: Crowd) -> None:
    older, newer = crowd.report(2)
    assert len(crowd.at_once([("merge", newer, older)] * 4)) == 3
    with crowd.database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(DuplicateVerdict)) == 1


def test_a_whole_row_of_issues_merged_at_once_ends_as_one_cluster(crowd: Crowd) -> None:
    for _ in range(4):
        row = crowd.report(5)
        deeds = [("merge", newer, older) for older, newer in pairwise(row)]
        assert crowd.at_once(deeds) == []
        links = crowd.links()
        assert {links[each] for each in row[1:]} == {row[0]}


def test_unmerging_while_the_target_is_merged_leaves_no_chain(crowd: Crowd) -> None:
    for _ in range(ROUNDS):
        oldest, middle, newest = crowd.report(3)
        assert crowd.at_once([("merge", newest, middle)]) == []
        assert crowd.at_once([("unmerge", newest, 0), ("merge", middle, oldest)]) == []
        links = crowd.links()
        assert (links[middle], newest in links) == (oldest, False)


def test_of_many_who_reject_a_pair_at_once_one_is_recorded(crowd: Crowd) -> None:
    older, newer = crowd.report(2)
    assert crowd.at_once([("reject", older, newer), ("reject", newer, older)] * 2) == []
    with crowd.database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(DuplicateVerdict)) == 1
        assert list_rejected(session, older) == {newer}


def test_who_merges_waits_for_one_who_has_not_finished_merging_and_sees_what_came_of_it(crowd: Crowd) -> None:
    oldest, middle, newest = crowd.report(3)
    with crowd.database.transaction() as session:
        crowd.do(session, ("merge", newest, middle))
        session.flush()
        results: list[list[Exception]] = []
        second = threading.Thread(target=lambda: results.append(crowd.at_once([("merge", middle, oldest)])))
        second.start()
        second.join(0.4)
        assert second.is_alive()
    second.join(30)
    assert results == [[]]
    assert crowd.links() == {newest: oldest, middle: oldest}
