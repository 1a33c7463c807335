"""Reports that are kept apart teach nothing, and try only what they can try fairly."""

import numpy as np

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.history import History, Link, build_history
from bugflow.ml.duplicates.index import Filed
from bugflow.ml.duplicates.withholding import leave_out, list_unseen


def build(count: int, *pairs: tuple[int, int], settled: tuple[int, ...] = ()) -> History:
    links = [Link(older, newer, float(newer)) for older, newer in pairs]
    reports = [Report(f"Report {row}", "") for row in range(count)]
    filed = [Filed(float(row)) for row in range(count)]
    return build_history([f"T-{row}" for row in range(count)], reports, filed, links, settled=settled)


def test_what_is_left_out_is_not_there_and_the_rest_is_as_it_was() -> None:
    left = leave_out(build(6, (0, 3), (1, 4), settled=(2, 5)), [1, 5])
    assert left.names == ("T-0", "T-2", "T-3", "T-4")
    assert [each.title for each in left.reports] == ["Report 0", "Report 2", "Report 3", "Report 4"]
    assert [(each.older, each.newer, each.known) for each in left.links] == [(0, 2, 3.0)]
    assert left.queries == (2,)
    assert left.settled == {1}


def test_a_duplicate_of_what_is_left_out_is_no_bug_of_its_own() -> None:
    assert leave_out(build(3, (0, 2)), [0]).doubtful == {1}


def test_a_report_whose_duplicate_is_left_out_stays_a_bug_of_its_own() -> None:
    left = leave_out(build(3, (0, 2)), [2])
    assert (left.queries, left.doubtful) == ((), frozenset())


def test_only_duplicates_of_bugs_that_taught_nothing_are_tried() -> None:
    history = build(6, (0, 2), (0, 4), (1, 3), (1, 5))
    apart = np.array([False, False, False, True, True, True])
    assert list_unseen(history, apart) == [3, 5]
