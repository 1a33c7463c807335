"""Gold issues that are torn from their bug, as was known at a moment."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy.orm import Session

from bugflow.mlops.datasets.gold import GoldRule
from bugflow.mlops.datasets.groups import Links, group_numbers, list_torn, read_links
from bugflow.tracker.issues.changes import FieldChange
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, build_relation, link_duplicate, unlink_duplicate
from bugflow.tracker.issues.service import record_field_change
from bugflow.tracker.issues.tables import Issue
from factories.workplace import Workplace, build_workplace


class Desk:
    """Ten issues, of which the latest five are gold, and somebody who links them."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.workplace: Workplace = build_workplace(session)
        self.issues: list[Issue] = [self.workplace.report(session) for _ in range(10)]
        self.rule = GoldRule(self.issues[5].created_at, self.workplace.tick())

    def link(self, newer: int, older: int) -> None:
        source, target = self.issues[newer - 1], self.issues[older - 1]
        link = link_duplicate(self.session, source, target, actor=self.workplace.manager, now=self.workplace.tick())
        self._note(source, link.change)

    def unlink(self, newer: int) -> None:
        source = self.issues[newer - 1]
        link = unlink_duplicate(self.session, source, actor=self.workplace.manager, now=self.workplace.tick())
        if link is not None:
            self._note(source, link.change)

    def _note(self, issue: Issue, change: FieldChange) -> None:
        record_field_change(self.session, issue, change, actor=self.workplace.manager, now=self.workplace.moment)
        self.session.flush()

    def read(self, *, minutes_ago: int = 0) -> set[str]:
        as_of = self.workplace.moment - timedelta(minutes=minutes_ago)
        return set(list_torn(self.session, self.rule, as_of=as_of))


@pytest.fixture
def desk(session: Session) -> Desk:
    return Desk(session)


def test_without_links_none_is_torn(desk: Desk) -> None:
    assert desk.read() == set()


def test_a_gold_issue_is_torn_by_a_report_that_teaches_whichever_is_the_older_one(desk: Desk) -> None:
    desk.link(7, 2)
    desk.rule = GoldRule(desk.rule.since, desk.issues[7].created_at)  # Of the later ones every fifth is gold.
    desk.link(10, 6)
    assert desk.rule.mark(["B-6", "B-10"], [desk.issues[5].created_at, desk.issues[9].created_at]).tolist() == [
        True,
        False,
    ]
    assert desk.read() == {"B-6", "B-7"}


def test_a_bug_whose_reports_are_all_gold_is_tested_on(desk: Desk) -> None:
    desk.link(7, 6)
    desk.link(8, 7)
    assert desk.read() == set()


def test_one_report_that_teaches_tears_every_gold_report_of_the_bug(desk: Desk) -> None:
    desk.link(7, 6)
    desk.link(8, 7)
    desk.link(6, 1)
    assert desk.read() == {"B-6", "B-7", "B-8"}


def test_what_is_linked_or_taken_apart_later_is_not_known(desk: Desk) -> None:
    desk.link(7, 2)
    desk.link(8, 3)
    assert desk.read(minutes_ago=1) == {"B-7"}
    desk.unlink(7)
    assert desk.read() == {"B-8"}
    assert desk.read(minutes_ago=1) == {"B-7", "B-8"}


def test_what_was_led_elsewhere_later_counts_as_it_was(desk: Desk) -> None:
    desk.link(7, 6)
    desk.link(6, 2)  # The seventh comes along.
    links = read_links(desk.session, as_of=desk.workplace.moment - timedelta(minutes=1))
    assert (links.newer.tolist(), links.older.tolist()) == ([desk.issues[6].id], [desk.issues[5].id])
    assert desk.read(minutes_ago=1) == set()
    assert desk.read() == {"B-6", "B-7"}


def test_an_imported_link_counts_from_when_the_duplicate_was_closed(desk: Desk) -> None:
    source, closed_at = desk.issues[6], desk.workplace.tick()
    source.closed_at = closed_at
    imported_at = closed_at + timedelta(days=30)
    relation = build_relation(source, desk.issues[1], kind=DUPLICATE_OF, created_by_id=None, now=imported_at)
    desk.session.add(relation)
    desk.session.flush()
    assert desk.read() == {"B-7"}
    assert desk.read(minutes_ago=1) == set()


def test_numbers_hang_together_over_any_number_of_steps() -> None:
    newer, older = np.array([90, 70, 40, 8]), np.array([70, 50, 5, 4])
    numbers, groups = group_numbers(Links(newer, older))
    found: dict[int, set[int]] = {}
    for number, group in zip(numbers.tolist(), groups.tolist(), strict=True):
        found.setdefault(group, set()).add(number)
    assert sorted(map(sorted, found.values())) == [[4, 8], [5, 40], [50, 70, 90]]
