"""Candidates where something else knows the meanings: as with an index that has the vectors itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from bugflow.ml.duplicates.candidates import Query, find_candidates
from bugflow.ml.duplicates.features import compute_features
from bugflow.ml.duplicates.index import Entry, ReportIndex
from bugflow.ml.duplicates.meanings import GivenMeanings, HeldMeanings
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.shortlisting import LATEST, SHORTLISTED, Shortlist, choose_from, find_shortlist
from factories.encoders import BagEncoder
from ml.duplicates.building import TEXTS, build_entry, build_index, build_query

ENCODER = BagEncoder()
TRACE = "java.io.IOException: gone\n\tat shop.Cart.sum(Cart.java:3)\n\tat shop.Order.pay(Order.java:7)\n"


def build_entries(count: int) -> list[Entry]:
    generator = np.random.default_rng(0)
    words = [f"word{number}" for number in range(60)]
    return [
        build_entry(
            row,
            " ".join(generator.choice(words, 4)),
            " ".join(generator.choice(words, 8)) + (f"\n{TRACE}" if row % 50 == 0 else ""),
            encoder=ENCODER,
        )
        for row in range(count)
    ]


def build_both(entries: Sequence[Entry]) -> tuple[ReportIndex, ReportIndex]:
    """Return an index with vectors, and one of the same reports without."""
    return build_index(entries, n_dims=ENCODER.n_dims), build_index(entries)


def give(holding: ReportIndex, query: Query, rows: np.ndarray) -> Query:
    """Return a question with what an index that has the vectors says about rows."""
    title, text = query.profile.title, query.profile.text
    assert title is not None
    assert text is not None
    mean = holding.texts.read_mean()
    near = HeldMeanings(holding.texts, holding.titles, text, title).compare(rows)
    common = holding.texts.take(rows) @ mean
    given = GivenMeanings.build(rows, near, common, own=float(text @ mean), length=float(mean @ mean))
    return replace(query, given=given)


@pytest.mark.parametrize("trace", ["", f"\n{TRACE}"])
def test_of_a_few_hundred_reports_the_candidates_and_their_features_are_the_same(trace: str) -> None:
    holding, plain = build_both(build_entries(SHORTLISTED))
    query = build_query("word1 word2", f"word3 word4{trace}", day=1000, encoder=ENCODER)
    shortlist = find_shortlist(plain, query)
    expected, found = (
        find_candidates(holding, query),
        choose_from(shortlist, asked := give(holding, query, shortlist.rows)),
    )
    assert found.rows.tolist() == expected.rows.tolist()
    for mine, theirs in zip(
        (found.words, found.meaning, found.frames), (expected.words, expected.meaning, expected.frames), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3)
    features = compute_features(plain, asked, found), compute_features(holding, query, expected)
    np.testing.assert_allclose(*features, rtol=1e-2, atol=1e-2)


def test_without_meanings_the_candidates_are_those_of_words_alone() -> None:
    _, plain = build_both(build_entries(SHORTLISTED))
    query = build_query("word1 word2", "word3", day=1000)
    found, expected = choose_from(find_shortlist(plain, query), query), find_candidates(plain, query)
    assert found.rows.tolist() == expected.rows.tolist()
    assert not found.meaning.any()


def test_what_is_near_is_on_the_list_though_it_shares_no_word() -> None:
    index = build_index(build_entries(2_000))
    query = build_query("zebra", day=5_000)
    for far in (3, 700):
        assert far not in find_shortlist(index, query).rows
        assert far in find_shortlist(index, query).add(index, query, np.array([far + 1, far])).rows


def test_the_list_is_short_and_in_order_and_has_the_best_by_words_and_by_places() -> None:
    index = build_index(build_entries(2_000))
    query = build_query("word1 word2 word3", f"word4\n{TRACE}", day=5_000)
    shortlist = find_shortlist(index, query)
    assert len(shortlist.rows) == SHORTLISTED
    assert (np.diff(shortlist.rows) > 0).all()
    assert shortlist.identities.tolist() == shortlist.rows.tolist()
    everything = find_candidates(index, query, most=10_000)
    assert set(everything.rows[np.argsort(-everything.words)[:50]]) <= set(shortlist.rows)
    assert np.count_nonzero(shortlist.frames) == 40
    together = find_candidates(index, query, most=300)
    assert len(set(together.rows) & set(shortlist.rows)) >= 295


def test_only_what_is_there_older_and_allowed_is_on_the_list() -> None:
    index = build_index(build_entries(900))
    index.remove(5)
    allowed = np.arange(len(index)) % 2 == 1
    query = replace(build_query("word1 word2", f"word3\n{TRACE}", day=600), allowed=allowed)
    rows = find_shortlist(index, query).add(index, query, np.array([4, 5, 7, 650, 899, 900])).rows
    assert 7 in rows
    assert 5 not in rows
    assert (rows % 2 == 1).all()
    assert rows.max() < 600


def test_a_report_without_any_word_gets_the_latest_that_are_allowed() -> None:
    index = build_index(build_entry(number, *TEXTS[number % 5]) for number in range(3 * LATEST))
    allowed = np.arange(len(index)) < LATEST // 2
    for mask, last in ((None, 3 * LATEST), (allowed, LATEST // 2)):
        query = replace(build_query("", "", day=5_000), allowed=mask)
        found = choose_from(find_shortlist(index, query), query, most=3)
        assert found.rows.tolist() == [last - 1, last - 2, last - 3]


def test_an_empty_index_has_an_empty_list() -> None:
    query = build_query("Login", TRACE)
    shortlist: Shortlist = find_shortlist(ReportIndex(), query)
    assert len(shortlist.rows) == len(choose_from(shortlist, query).rows) == 0


def test_of_what_is_not_given_nothing_is_known() -> None:
    holding, _ = build_both(build_entries(20))
    query = give(holding, build_query("word1", "word2", encoder=ENCODER), np.array([3, 8]))
    assert query.given is not None
    known, unknown = query.given.compare(np.array([8, 3])), query.given.compare(np.array([0, 5, 19]))
    for values in (known.text, known.title, known.title_in_text, known.text_in_title):
        assert values.all()
    assert not unknown.text.any()
    assert query.given.centre(np.array([8, 9])).tolist() == [query.given.centred[1], 0]
    words_only = replace(query, profile=Profile(query.profile.words))
    assert words_only.open_meanings(holding) is None
