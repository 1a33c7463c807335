"""A tracker's past told once more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from bugflow.ml.contract import Encoder
from bugflow.ml.duplicates.features import list_features
from bugflow.ml.duplicates.history import History, read_history
from bugflow.ml.duplicates.replay import PROFILED_AT_ONCE, Comparison, compare, profile_history, replay
from factories.encoders import BagEncoder
from ml.duplicates.building import TEXTS

START = datetime(2026, 1, 1, tzinfo=UTC)
LINKS = {5: 0, 10: 5, 12: 7, 25: 12, 29: 10}
CLOSED_AFTER = {0: 2, 5: 3, 10: 40, 12: 1, 25: 30, 29: 1}
"""Days from filing to closing; the rest stays open."""


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Return thirty reports, one a day, of which five name an older one as they are closed."""
    rows = range(30)
    filed = [START + timedelta(days=row) for row in rows]
    frame = pl.DataFrame(
        {
            "issue_id": [f"BUG-{row}" for row in rows],
            "title": [f"{TEXTS[row % 5][0]} number{row}" for row in rows],
            "description": [TEXTS[row % 5][1] for row in rows],
            "created_at": filed,
            "resolved_at": [
                filed[row] + timedelta(days=CLOSED_AFTER[row]) if row in CLOSED_AFTER else None for row in rows
            ],
            "duplicate_of": [f"BUG-{LINKS[row]}" if row in LINKS else None for row in rows],
        }
    )
    frame.write_parquet(tmp_path / "history.parquet")
    return read_history(tmp_path / "history.parquet")


def list_known(row: int) -> set[frozenset[int]]:
    """Return the groups of more than one that were known on the day of a report, by the links' own days."""
    groups = [{each} for each in range(row)]
    for newer, older in LINKS.items():
        if newer + CLOSED_AFTER[newer] < row:
            one, other = (next(group for group in groups if each in group) for each in (newer, older))
            if one is not other:
                one |= other
                groups.remove(other)
    return {frozenset(group) for group in groups if len(group) > 1}


@pytest.mark.parametrize("rows", [range(30), [0], [1, 2, 20], [29], []])
def test_the_index_knows_what_was_known_at_each_moment_and_no_more(history: History, rows: list[int]) -> None:
    profiles = profile_history(history, None)
    told = []
    for moment in replay(history, profiles, rows):
        told.append(moment.row)
        assert moment.index.identities.tolist() == list(range(moment.row))
        assert (moment.index.created < moment.query.filed.created).all()
        groups: dict[int, set[int]] = {}
        for row, group in enumerate(moment.index.groups):
            groups.setdefault(int(group), set()).add(row)
        assert {frozenset(each) for each in groups.values() if len(each) > 1} == list_known(moment.row)
        assert all(group == min(members) for group, members in groups.items())
        assert moment.query.profile is profiles[moment.row]
    assert told == list(rows)


def test_a_link_is_known_only_after_the_newer_report_was_closed(history: History) -> None:
    known = {
        moment.row: int(moment.index.groups[5]) for moment in replay(history, profile_history(history, None), [8, 9])
    }
    assert known == {8: 5, 9: 0}


def test_what_was_closed_later_is_still_open_for_the_features(history: History) -> None:
    column = list_features().index("closed")
    for moment in replay(history, profile_history(history, None), [1, 3]):
        found = compare(history, moment)
        assert found is not None
        first = int(np.flatnonzero(found.rows == 0)[0])
        assert found.features[first, column] == (moment.row == 3)


def compare_all(history: History, encoder: Encoder | None) -> list[Comparison | None]:
    profiles = profile_history(history, encoder)
    return [compare(history, moment) for moment in replay(history, profiles, range(len(history)))]


@pytest.mark.parametrize("encoder", [None, BagEncoder()])
def test_comparing_twice_gives_the_same(history: History, encoder: Encoder | None) -> None:
    once, again = compare_all(history, encoder), compare_all(history, encoder)
    assert once[0] is None
    assert again[0] is None
    for one, other in zip(once[1:], again[1:], strict=True):
        assert one is not None
        assert other is not None
        assert one.row == other.row
        for name in ("rows", "groups", "features", "right"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_rows_between_do_not_change_what_is_compared(history: History) -> None:
    profiles = profile_history(history, BagEncoder())
    (alone,) = (compare(history, moment) for moment in replay(history, profiles, [29]))
    *_, last = (compare(history, moment) for moment in replay(history, profiles, range(30)))
    assert alone is not None
    assert last is not None
    assert alone.rows.tolist() == last.rows.tolist()
    assert alone.groups.tolist() == last.groups.tolist()
    np.testing.assert_allclose(alone.features, last.features, atol=1e-3)


def test_right_candidates_are_those_of_the_same_cluster_known_or_not(history: History) -> None:
    comparisons = {each.row: each for each in compare_all(history, None) if each is not None}
    right = {row: sorted(each.rows[each.right].tolist()) for row, each in comparisons.items() if each.right.any()}
    assert right == {5: [0], 10: [0, 5], 12: [7], 25: [7, 12], 29: [0, 5, 10]}
    assert set(right) == set(history.queries)
    last = comparisons[29]
    assert last.features.shape == (29, len(list_features()))
    assert len(last.rows) == len(last.groups) == len(last.right) == 29
    groups = dict(zip(last.rows.tolist(), last.groups.tolist(), strict=True))
    assert (groups[5], groups[10], groups[12]) == (0, 10, 7)


def test_profiles_are_made_of_all_reports_and_it_is_told_how_many_are_done(history: History) -> None:
    done: list[int] = []
    assert len(profile_history(history, None, tell=done.append)) == 30
    assert done == [30]
    assert PROFILED_AT_ONCE >= 30
