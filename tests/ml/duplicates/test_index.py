"""All reports in memory: what is added, replaced, removed, closed and joined."""

from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.ml.duplicates.candidates import DAY, find_candidates
from bugflow.ml.duplicates.features import compute_features
from bugflow.ml.duplicates.index import FIELDS, NEVER, Filed, ReportIndex
from factories.encoders import BagEncoder
from ml.duplicates.building import TEXTS, build_entry, build_index, build_profile, build_query


def list_groups(index: ReportIndex) -> list[set[int]]:
    """Return the identities of each group that has more than one."""
    groups: dict[int, set[int]] = {}
    for identity, group, alive in zip(index.identities, index.groups, index.alive, strict=True):
        if alive:
            groups.setdefault(int(group), set()).add(int(identity))
    return [each for each in groups.values() if len(each) > 1]


def build_four() -> ReportIndex:
    return build_index(build_entry(number, f"Report {number}") for number in (1, 2, 3, 4))


def test_rows_hold_what_was_added() -> None:
    encoder = BagEncoder()
    fields = {"project": "shop", "component": "cart"}
    index = build_index(
        [
            build_entry(7, *TEXTS[0], closed=9, fields=fields, encoder=encoder),
            build_entry(8, *TEXTS[1], fields={"component": "cart"}, encoder=encoder),
        ],
        n_dims=encoder.n_dims,
    )
    profile = build_profile(*TEXTS[0], encoder=encoder)
    assert len(index) == 2
    assert index.identities.tolist() == [7, 8]
    assert index.created.tolist() == [7 * DAY, 8 * DAY]
    assert index.closed.tolist() == [9 * DAY, NEVER]
    assert index.groups.tolist() == [0, 1]
    assert index.alive.all()
    assert index.lengths[0].tolist() == [profile.words.n_title, profile.words.n_prose]
    assert index.codes[:, [0, 1]].tolist() == [[1, 1], [0, 1]]
    assert not index.codes[:, 2:].any()
    assert index.terms.take(index.terms.place(np.array([0]))[0]).tolist() == profile.words.terms.tolist()
    assert profile.text is not None
    assert profile.title is not None
    np.testing.assert_allclose(index.texts.take(np.array([0]))[0], profile.text, atol=0.01)
    np.testing.assert_allclose(index.titles.take(np.array([0]))[0], profile.title, atol=0.01)


def test_adding_nothing_changes_nothing() -> None:
    index = ReportIndex()
    index.add([])
    assert len(index) == 0
    assert len(index.list_moments()) == 0


def test_a_report_without_vectors_has_zeros_where_others_have_some() -> None:
    encoder = BagEncoder()
    entries = [build_entry(1, "Login"), build_entry(2, "Login", encoder=encoder)]
    index = build_index(entries, n_dims=encoder.n_dims)
    assert [bool(row.any()) for row in index.texts.take(np.array([0, 1]))] == [False, True]


def test_rows_are_the_same_whatever_the_batches() -> None:
    entries = [build_entry(number, *TEXTS[number % 5], fields={"project": f"p{number % 3}"}) for number in range(40)]
    at_once, in_turn = build_index(entries), ReportIndex()
    for entry in entries:
        in_turn.add([entry])
    for name in ("identities", "created", "closed", "groups", "alive", "lengths", "codes"):
        np.testing.assert_array_equal(getattr(at_once, name), getattr(in_turn, name))


def test_a_replaced_report_is_found_by_its_new_text_alone_and_stays_in_its_group() -> None:
    index = build_four()
    index.join(2, 1)
    index.join(3, 1)
    index.add([build_entry(2, "Another title")])
    assert index.find_row(2) == 4
    assert index.alive.tolist() == [True, False, True, True, True]
    assert list_groups(index) == [{1, 2, 3}]
    index.add([build_entry(1, "The canonical one")])
    assert index.groups[index.find_row(1)] == index.find_row(1)
    assert list_groups(index) == [{1, 2, 3}]
    index.join(4, 2)
    assert list_groups(index) == [{1, 2, 3, 4}]


def test_a_report_added_twice_at_once_is_there_once() -> None:
    index = build_index([build_entry(1, "First"), build_entry(2), build_entry(1, "Second")])
    assert index.find_row(1) == 2
    assert index.alive.tolist() == [False, True, True]


def test_a_removed_report_is_not_found_and_its_duplicates_stay_together() -> None:
    index = build_four()
    index.join(2, 1)
    index.join(3, 1)
    index.remove(1)
    index.remove(99)
    assert index.find_row(1) is None
    assert list_groups(index) == [{2, 3}]
    index.join(4, 3)
    assert list_groups(index) == [{2, 3, 4}]
    index.add([build_entry(1, "Back again")])
    assert index.find_row(1) == 4
    assert list_groups(index) == [{2, 3, 4}]


def test_joining_takes_whole_groups_and_names_them_by_the_second() -> None:
    index = build_four()
    index.join(2, 1)
    index.join(4, 3)
    assert list_groups(index) == [{1, 2}, {3, 4}]
    index.join(2, 4)
    assert list_groups(index) == [{1, 2, 3, 4}]
    assert set(index.groups) == {index.find_row(3)}
    index.join(1, 1)
    assert list_groups(index) == [{1, 2, 3, 4}]


def test_one_report_can_be_put_into_a_group_and_out_of_it_again_without_the_others() -> None:
    index = build_four()
    index.join(2, 1)
    index.join(3, 1)
    index.assign(1, 4)
    assert list_groups(index) == [{1, 4}, {2, 3}]
    index.assign(2, 2)
    assert list_groups(index) == [{1, 4}]
    index.assign(3, 4)
    index.assign(1, 99)
    index.assign(99, 2)
    assert list_groups(index) == [{3, 4}]


@given(st.lists(st.tuples(st.sampled_from("ajr"), st.integers(0, 5), st.integers(0, 5)), max_size=25))
def test_the_members_of_a_group_are_those_that_bear_its_name(steps: list[tuple[str, int, int]]) -> None:
    index = build_index(build_entry(number, "Login fails") for number in range(6))
    for what, first, second in steps:
        if what == "a":
            index.assign(first, second)
        elif what == "j":
            index.join(first, second)
        else:
            index.add([build_entry(first, f"Login {second}")])
        groups = index.groups
        for row in range(len(index)):
            assert sorted(index.list_members(row)) == np.flatnonzero(groups == row).tolist()


def test_closing_and_other_fields_are_noted_and_taken_back() -> None:
    index = build_four()
    index.refile(3, Filed(3 * DAY, 50.0, {"project": "shop"}))
    assert index.closed.tolist() == [NEVER, NEVER, 50.0, NEVER]
    assert index.codes[:, 0].tolist() == [0, 0, 1, 0]
    index.refile(3, Filed(3 * DAY))
    assert index.closed[2] == NEVER
    assert not index.codes.any()


def test_moments_follow_a_report_that_was_filed_at_another_time() -> None:
    index = build_four()
    before = index.list_moments()
    index.refile(3, Filed(3 * DAY, 50.0))
    assert index.list_moments() is before
    index.refile(3, Filed(9 * DAY))
    assert (index.list_moments() / DAY).tolist() == [1, 2, 4, 9]


@pytest.mark.parametrize("identity", [0, 99])
def test_a_report_that_is_not_there_can_be_neither_changed_nor_joined(identity: int) -> None:
    index = build_four()
    with pytest.raises(KeyError):
        index.refile(identity, Filed(1.0))
    with pytest.raises(KeyError):
        index.join(identity, 1)
    with pytest.raises(KeyError):
        index.join(1, identity)


def test_values_of_fields_have_numbers_and_new_or_missing_ones_have_none() -> None:
    index = build_index([build_entry(1, fields={"project": "shop", "colour": "red"}), build_entry(2, fields={})])
    assert index.encode_fields({"project": "shop", "component": ""}) == [1, 0, 0, 0, 0]
    assert index.encode_fields({"project": "new"}) == [0] * len(FIELDS)
    index.add([build_entry(3, fields={"project": "new"})])
    assert index.encode_fields({"project": "new"}) == [2, 0, 0, 0, 0]
    assert index.codes.tolist() == [[1, 0, 0, 0, 0], [0] * 5, [2, 0, 0, 0, 0]]


def test_moments_are_those_of_what_is_there_in_order() -> None:
    index = build_index([build_entry(1, day=5), build_entry(2, day=3), build_entry(3, day=4)])
    assert (index.list_moments() / DAY).tolist() == [3, 4, 5]
    assert index.list_moments() is index.list_moments()
    index.add([build_entry(2, "Edited", day=3), build_entry(4, day=1)])
    assert (index.list_moments() / DAY).tolist() == [1, 3, 4, 5]
    index.remove(1)
    assert (index.list_moments() / DAY).tolist() == [1, 3, 4]


def test_what_was_read_before_stays_while_rows_are_added() -> None:
    index = build_four()
    identities, created = index.identities, index.created
    index.add([build_entry(number) for number in range(100, 1200)])
    assert identities.tolist() == [1, 2, 3, 4]
    assert (created / DAY).tolist() == [1, 2, 3, 4]


def test_others_search_while_one_thread_adds_replaces_joins_and_removes() -> None:
    encoder = BagEncoder()
    entries = [build_entry(number, *TEXTS[number % 5], day=number / 100, encoder=encoder) for number in range(10)]
    index, failures, done = build_index(entries, n_dims=encoder.n_dims), [], Event()
    query = build_query(*TEXTS[0], encoder=encoder)

    def search() -> None:
        try:
            while not done.is_set():
                found = find_candidates(index, query)
                features = compute_features(index, query, found)
                assert len(found.rows) > 0
                assert np.isfinite(features).all()
        except Exception as error:  # noqa: BLE001 -- Whatever it is, the test tells it.
            failures.append(error)

    searching = [Thread(target=search) for _ in range(2)]
    for thread in searching:
        thread.start()
    for number in range(600):
        entry = entries[number % 10]
        index.add([build_entry(20 + number, day=number / 100), entry])
        index.join(20 + number, entry.identity)
        index.refile(20 + number, Filed(number / 100 * DAY, 5.0))
        index.remove(20 + number // 2)
    done.set()
    for thread in searching:
        thread.join()
    assert failures == []
    assert len(index) == 1210
