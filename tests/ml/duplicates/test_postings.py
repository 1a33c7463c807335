"""An inverted index that grows, and BM25 over it."""

from collections.abc import Sequence
from math import log
from threading import Event, Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bugflow.ml.duplicates.postings import SLOTS, Postings
from bugflow.ml.duplicates.terms import Terms

Counted = dict[int, int]
CORPORA = st.lists(st.dictionaries(st.integers(0, 12), st.integers(1, 300), max_size=6), max_size=25)


def build_postings(reports: Sequence[Counted], *, batch: int = 1000) -> Postings:
    postings = Postings()
    counted = [count(each) for each in reports]
    for start in range(0, len(counted), batch):
        postings.add(counted[start : start + batch])
    return postings


def count(report: Counted) -> tuple[Terms, NDArray[np.float32]]:
    terms = np.array(sorted(report), dtype=np.uint32)
    return terms, np.array([report[int(each)] for each in terms], dtype=np.float32)


def list_terms(*terms: int) -> Terms:
    return np.array(terms, dtype=np.uint32)


def score_by_hand(reports: Sequence[Counted], terms: Sequence[int]) -> list[float]:
    """BM25 as the paper writes it, with an idf that is above 0; more than 255 repeats count as 255."""
    average = sum(sum(each.values()) for each in reports) / len(reports)
    scores = []
    for report in reports:
        score = 0.0
        for term in terms:
            having = sum(term in each for each in reports)
            idf = log(1 + (len(reports) - having + 0.5) / (having + 0.5))
            often = min(report.get(term, 0), 255)
            normal = 1.2 * (1 - 0.75 + 0.75 * sum(report.values()) / max(average, 1e-6))
            score += idf * often * 2.2 / (often + normal)
        scores.append(score)
    return scores


@given(CORPORA.filter(bool), st.lists(st.integers(0, 14), unique=True, max_size=5), st.integers(1, 7))
def test_scores_are_bm25_whatever_the_batches(reports: list[Counted], sought: list[int], batch: int) -> None:
    terms = list_terms(*sought)
    expected = score_by_hand(reports, sought)
    for postings in (build_postings(reports), build_postings(reports, batch=batch)):
        assert len(postings) == len(reports)
        np.testing.assert_allclose(postings.score(terms, postings.weigh(terms)), expected, rtol=1e-4, atol=1e-5)


@given(CORPORA, st.lists(st.integers(0, 14), unique=True, max_size=5), st.integers(1, 7))
def test_weights_of_the_terms_that_a_row_has_are_added_up(
    reports: list[Counted], sought: list[int], batch: int
) -> None:
    weights = np.arange(1, len(sought) + 1, dtype=np.float32)
    sums = build_postings(reports, batch=batch).add_up(list_terms(*sought), weights)
    assert sums.tolist() == [
        sum(float(weight) for term, weight in zip(sought, weights, strict=True) if term in report) for report in reports
    ]


def test_a_term_tells_more_the_fewer_reports_have_it() -> None:
    reports: list[Counted] = [{term: 1 for term in range(10) if row < 2**term} for row in range(600)]
    weights = build_postings(reports).weigh(list_terms(99, *range(10)))
    assert (np.diff(weights) < 0).all()
    assert weights[-1] > 0


def test_terms_that_share_a_slot_still_tell_something() -> None:
    postings = build_postings([{5: 1, 5 + SLOTS: 1, 5 + 2 * SLOTS: 1}])
    assert postings.count(list_terms(5)).tolist() == [3]
    assert (postings.weigh(list_terms(5)) > 0).all()
    assert postings.add_up(list_terms(5 + SLOTS), np.ones(1, dtype=np.float32)).tolist() == [1]


def test_reports_without_a_term_leave_nothing_to_search_through() -> None:
    postings = build_postings([{}] * 100 + [{7: 1}] + [{}] * 100, batch=1)
    assert len(postings) == 201
    assert len(postings._segments) == 1
    assert np.flatnonzero(postings.score(list_terms(7), np.ones(1, dtype=np.float32))).tolist() == [100]


def test_rows_added_one_by_one_are_kept_in_few_segments() -> None:
    postings = build_postings([{row % 7: 1, 100 + row: 1} for row in range(1000)], batch=1)
    assert len(postings._segments) <= 12


@pytest.mark.parametrize("postings", [Postings(), build_postings([]), build_postings([{}])])
def test_an_empty_index_scores_nothing(postings: Postings) -> None:
    terms = list_terms(1, 2)
    postings.add([])
    assert not postings.score(terms, postings.weigh(terms)).any()
    assert not postings.add_up(list_terms(), np.zeros(0, dtype=np.float32)).any()
    assert len(postings.score(terms, postings.weigh(terms))) == len(postings)


def test_searching_goes_on_while_another_thread_adds() -> None:
    postings, failures, done = Postings(), [], Event()
    terms = list_terms(*range(5))

    def search() -> None:
        try:
            while not done.is_set():
                least = len(postings)
                scores = postings.score(terms, postings.weigh(terms))
                sums = postings.add_up(terms, np.ones(5, dtype=np.float32))
                assert least <= len(scores) <= len(sums) <= len(postings)
                assert (scores[:least] > 0).all()
                assert (sums[:least] >= 1).all()
        except Exception as error:  # noqa: BLE001 -- Whatever it is, the test tells it.
            failures.append(error)

    searching = Thread(target=search)
    searching.start()
    for row in range(3000):
        postings.add([count({row % 5: 1, 50 + row: 2})])
    done.set()
    searching.join()
    assert failures == []
