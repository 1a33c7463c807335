"""Whatever people do in whatever order: no chain, no circle, no newer target, and nothing is lost."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from bugflow.assist.duplicates.queries import list_rejected
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues, withdraw_rejection
from bugflow.core.database import Database
from bugflow.core.errors import ConflictError, NotFoundError
from bugflow.tracker.issues.duplicates import Progress, find_canonical
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue, IssueRelation
from factories.workplace import build_workplace

ISSUES = 6
NUMBER = st.integers(0, ISSUES - 1)
BEGINNINGS: tuple[dict[str, str], ...] = (
    {},
    {"status": "in_progress"},
    {"status": "resolved", "resolution": "fixed"},
    {"status": "closed", "resolution": "wontfix"},
    {},
    {"status": "closed", "resolution": "duplicate"},
)


class Duplicates(RuleBasedStateMachine):
    """People merge, unmerge and reject; the model is who was merged into whom."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.session = database.writers()
        self.workplace = build_workplace(self.session)
        self.issues = [self.workplace.report(self.session) for _ in range(ISSUES)]
        for issue, changes in zip(self.issues, BEGINNINGS, strict=True):
            self.change(issue, **changes)
        self.before = [Progress.of(issue) for issue in self.issues]
        self.roots = list(range(ISSUES))
        self.rejected: set[frozenset[int]] = set()

    def change(self, issue: Issue, **changes: Any) -> None:  # noqa: ANN401 -- Any field.
        project, actor = self.workplace.project, self.workplace.manager
        change_issue(self.session, issue, project, changes=changes, actor=actor, now=self.workplace.tick())

    def links(self) -> dict[int, int]:
        numbers = {issue.id: place for place, issue in enumerate(self.issues)}
        rows = self.session.execute(select(IssueRelation.source_id, IssueRelation.target_id))
        return {numbers[row[0]]: numbers[row[1]] for row in rows if row[0] in numbers}

    @rule(first=NUMBER, second=NUMBER)
    def merge(self, first: int, second: int) -> None:
        if first == second:
            return
        allowed = self.roots[first] == first and self.roots[second] < first
        try:
            merge_issues(
                self.session,
                self.issues[first],
                self.issues[second],
                evidence={},
                actor=self.workplace.manager,
                now=self.workplace.tick(),
            )
        except ConflictError:
            assert not allowed
        else:
            assert allowed
            self.roots = [self.roots[second] if root == first else root for root in self.roots]

    @rule(number=NUMBER)
    def unmerge(self, number: int) -> None:
        merged = self.roots[number] != number
        try:
            done = unmerge_issues(
                self.session, self.issues[number], actor=self.workplace.manager, now=self.workplace.tick()
            )
        except ConflictError:
            assert not merged
        else:
            assert merged
            assert done.restored
            assert Progress.of(self.issues[number]) == self.before[number]
            links = self.links()
            self.roots = [links.get(place, place) for place in range(ISSUES)]

    @rule(first=NUMBER, second=NUMBER)
    def reject(self, first: int, second: int) -> None:
        if first == second:
            return
        manager, now = self.workplace.manager, self.workplace.tick()
        try:
            reject_pair(self.session, self.issues[first], self.issues[second], actor=manager, now=now)
        except ConflictError:
            assert self.roots[first] == self.roots[second]
        else:
            assert self.roots[first] != self.roots[second]
            self.rejected.add(frozenset((first, second)))

    @rule(first=NUMBER, second=NUMBER)
    def withdraw(self, first: int, second: int) -> None:
        if first == second:
            return
        manager, now = self.workplace.manager, self.workplace.tick()
        pair = frozenset((first, second))
        try:
            withdraw_rejection(self.session, self.issues[first], self.issues[second], actor=manager, now=now)
        except NotFoundError:
            assert pair not in self.rejected
        else:
            self.rejected.remove(pair)

    @invariant()
    def every_duplicate_leads_straight_to_an_older_issue_that_is_none(self) -> None:
        links = self.links()
        for source, target in links.items():
            assert target < source
            assert target not in links
            assert (self.issues[source].status, self.issues[source].resolution) == ("closed", "duplicate")
        assert [links.get(place, place) for place in range(ISSUES)] == self.roots
        found = [find_canonical(self.session, issue.id) for issue in self.issues]
        assert found == [self.issues[root].id for root in self.roots]

    @invariant()
    def what_is_rejected_is_known_from_both_sides(self) -> None:
        for place, issue in enumerate(self.issues):
            others = {other for pair in self.rejected if place in pair for other in pair - {place}}
            assert list_rejected(self.session, issue.id) == {self.issues[other].id for other in others}

    def teardown(self) -> None:
        for number in range(ISSUES):
            if self.roots[number] != number:
                self.unmerge(number)
        assert self.links() == {}
        self.session.expire_all()
        assert [Progress.of(issue) for issue in self.issues] == self.before
        self.session.close()  # Nothing is committed: the next sequence begins anew.


def test_no_sequence_leaves_a_chain_a_circle_or_a_newer_target_and_unmerging_all_restores_all(
    database: Database,
) -> None:
    class DuplicatesHere(Duplicates):
        def __init__(self) -> None:
            super().__init__(database)

    run_state_machine_as_test(DuplicatesHere, settings=settings(max_examples=25, stateful_step_count=25, deadline=None))
