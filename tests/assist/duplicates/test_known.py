"""Issues in memory without a database."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from bugflow.assist.duplicates.known import IssueState, Known, KnownIssues, Sight
from bugflow.assist.duplicates.locking import ReadersAndWriter
from bugflow.ml.contract import Report
from bugflow.ml.duplicates.profiles import profile_reports

START = datetime(2026, 1, 1, tzinfo=UTC)


def build_state(number: int, **facts: Any) -> IssueState:  # noqa: ANN401 -- Any fact.
    moment = START + timedelta(hours=number)
    state = IssueState(number, moment, 1, None, "bug", None, 7, None, False, moment, None, None)
    return state._replace(**facts)


def fill(known: KnownIssues, *states: IssueState) -> None:
    profiles = profile_reports([Report(f"Crash {state.issue_id}") for state in states], None)
    known.add([Known(state, profile, 2) for state, profile in zip(states, profiles, strict=True)])


def groups_of(known: KnownIssues, *numbers: int) -> list[int]:
    rows = [known.index.find_row(number) for number in numbers]
    named = [int(known.index.groups[row]) for row in rows if row is not None]
    return [int(known.index.identities[each]) for each in named]


def test_merging_joins_groups_and_unmerging_splits_them_again() -> None:
    known = KnownIssues()
    fill(known, *(build_state(number) for number in (1, 2, 3, 4)))
    known.link({3: 2, 4: 2})
    assert groups_of(known, 1, 2, 3, 4) == [1, 2, 2, 2]
    known.link({2: 1, 3: 1, 4: 1})
    assert groups_of(known, 1, 2, 3, 4) == [1, 1, 1, 1]
    known.link({2: None, 3: 2, 4: 1})
    assert groups_of(known, 1, 2, 3, 4) == [1, 2, 2, 1]
    known.link({3: None, 4: None})
    assert groups_of(known, 1, 2, 3, 4) == [1, 2, 3, 4]


def test_a_group_stays_together_when_one_of_it_gets_another_text() -> None:
    known = KnownIssues()
    fill(known, build_state(1), build_state(2), build_state(3))
    known.link({2: 1, 3: 1})
    fill(known, build_state(1))
    fill(known, build_state(3))
    assert groups_of(known, 1, 2, 3) == [1, 1, 1]
    assert (len(known), known.replaced) == (3, 2)
    known.link({2: None})
    assert groups_of(known, 1, 2, 3) == [1, 2, 1]


def test_a_link_to_what_is_not_known_yet_counts_once_it_is() -> None:
    known = KnownIssues()
    known.link({2: 1, 3: 1})
    fill(known, build_state(2), build_state(3))
    assert groups_of(known, 2, 3) == [2, 3]
    fill(known, build_state(1))
    assert groups_of(known, 1, 2, 3) == [1, 1, 1]


def test_changes_beside_the_text_are_taken_over_in_place() -> None:
    known = KnownIssues()
    fill(known, build_state(1), build_state(2))
    closed = START + timedelta(days=9)
    known.change(build_state(1, project_id=5, component_id=3, closed_at=closed, updated_at=closed))
    assert len(known.index) == 2
    assert known.index.closed[0] == closed.timestamp()
    assert known.has(1, closed)
    assert not known.has(2, closed)
    assert list(known.index.codes[0]) == known.index.encode_fields(
        build_state(1, project_id=5, component_id=3).filed.fields
    )


def test_the_mask_says_what_the_condition_of_the_database_says() -> None:
    known = KnownIssues()
    fill(
        known,
        build_state(1),
        build_state(2, project_id=2),
        build_state(3, restricted=True),
        build_state(4, restricted=True, assignee_id=9),
        build_state(5, restricted=True, reporter_id=9),
        build_state(6, project_id=2, restricted=True, reporter_id=9),
    )
    for sight, seen in (
        (Sight(None, True, 9), [1, 2, 3, 4, 5, 6]),
        (Sight(frozenset({1}), True, 8), [1, 3, 4, 5]),
        (Sight(frozenset({1, 99}), False, 9), [1, 4, 5]),
        (Sight(frozenset(), False, None), []),
    ):
        assert list(known.index.identities[known.mask(sight)]) == seen


def test_what_is_removed_is_not_found_and_its_duplicates_stay() -> None:
    known = KnownIssues()
    fill(known, build_state(1), build_state(2))
    known.link({2: 1})
    known.remove(2)
    assert known.list_ids() == {1}
    assert known.list_links() == {}


def test_readers_share_and_a_writer_is_alone() -> None:
    lock, inside, seen = ReadersAndWriter(), np.zeros(2, dtype=int), []
    gate = threading.Barrier(3)

    def read() -> None:
        with lock.reading():
            gate.wait(10)  # Both are in at once, or this breaks.
        for _ in range(200):
            with lock.reading():
                seen.append(inside[0] == inside[1])

    def write() -> None:
        gate.wait(10)
        for _ in range(200):
            with lock.writing():
                inside[0] += 1
                inside[1] += 1

    threads = [threading.Thread(target=work) for work in (read, read, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(seen)
    assert inside[0] == 200
