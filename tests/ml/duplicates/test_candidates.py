"""Which older reports are worth a closer look."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.ml.duplicates.candidates import (
    MOST,
    MOST_TERMS,
    SURE_OF_EACH,
    Candidates,
    Query,
    choose_terms,
    find_candidates,
)
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.terms import hash_term, split_terms
from factories.encoders import BagEncoder
from ml.duplicates.building import TEXTS, build_entry, build_index, build_profile, build_query

ENCODER = BagEncoder()
TRACE = "java.io.IOException: gone\n\tat shop.Cart.sum(Cart.java:3)\n\tat shop.Order.pay(Order.java:7)\n"


def build_many(count: int = 400, *, encoder: BagEncoder | None = ENCODER) -> ReportIndex:
    generator = np.random.default_rng(0)
    words = [f"word{number}" for number in range(60)]
    return build_index(
        [
            build_entry(
                row, " ".join(generator.choice(words, 4)), " ".join(generator.choice(words, 8)), encoder=encoder
            )
            for row in range(count)
        ],
        n_dims=ENCODER.n_dims if encoder else 0,
    )


def list_names(index: ReportIndex, found: Candidates) -> list[int]:
    return [int(each) for each in index.identities[found.rows]]


def test_only_older_reports_that_are_there_are_found() -> None:
    index = build_index(build_entry(number, "Login fails", day=number) for number in range(1, 8))
    index.remove(2)
    index.add([build_entry(3, "Login fails", "edited", day=3)])
    found = find_candidates(index, build_query("Login fails", day=5))
    assert sorted(list_names(index, found)) == [1, 3, 4]
    assert index.find_row(3) in found.rows


def test_a_report_filed_at_the_same_moment_is_not_older() -> None:
    index = build_index([build_entry(1, "Login fails", day=5)])
    assert len(find_candidates(index, build_query("Login fails", day=5)).rows) == 0


def test_only_allowed_reports_are_found() -> None:
    index = build_index(build_entry(number, "Login fails", day=number) for number in range(6))
    query = replace(build_query("Login fails"), allowed=np.array([True, False, True, False, False, True]))
    assert sorted(find_candidates(index, query).rows) == [0, 2, 5]
    nothing = replace(query, allowed=np.zeros(6, dtype=np.bool_))
    assert len(find_candidates(index, nothing).rows) == 0


def test_rows_that_came_after_the_permission_was_looked_up_are_not_allowed() -> None:
    index = build_index(build_entry(number, "Login fails", day=number) for number in range(3))
    query = replace(build_query("Login fails"), allowed=np.ones(2, dtype=np.bool_))
    assert sorted(find_candidates(index, query).rows) == [0, 1]


@pytest.mark.parametrize("most", [1, 2, 3, 7, 30, MOST, 399, 400, 1000])
def test_at_most_so_many_are_found_each_once(most: int) -> None:
    index = build_many()
    found = find_candidates(index, build_query("word1 word2", "word3 " + TRACE, day=1000, encoder=ENCODER), most=most)
    assert len(found.rows) == min(most, 400) == len(set(found.rows.tolist()))
    assert len(found.words) == len(found.meaning) == len(found.frames) == len(found.rows)


def test_the_best_by_each_source_are_among_them() -> None:
    index = build_many()
    index.add([build_entry(900 + number, "zebra", TRACE, day=0, encoder=ENCODER) for number in range(SURE_OF_EACH)])
    query = build_query("word1 word2 word3", "word4 word5\n" + TRACE, day=1000, encoder=ENCODER)
    found, everything = find_candidates(index, query, most=40), find_candidates(index, query, most=10_000)
    by_words = everything.rows[np.argsort(-everything.words, kind="stable")[:SURE_OF_EACH]]
    assert set(by_words) <= set(found.rows)
    assert {900 + number for number in range(SURE_OF_EACH)} <= set(list_names(index, found))
    text = query.profile.text
    assert text is not None
    mean = index.texts.read_mean()
    others = index.texts.take(np.arange(len(index))) - mean
    cosines = others @ (text - mean) / np.linalg.norm(others, axis=1) / np.linalg.norm(text - mean)
    assert len(set(np.argsort(-cosines)[:SURE_OF_EACH].tolist()) & set(found.rows.tolist())) >= SURE_OF_EACH - 1


def test_the_nearest_comes_first() -> None:
    entries = [build_entry(number, *text, encoder=ENCODER) for number, text in enumerate(TEXTS)]
    index = build_index(entries, n_dims=ENCODER.n_dims)
    for number, text in enumerate(TEXTS):
        found = find_candidates(index, build_query(*text, encoder=ENCODER))
        assert found.rows[0] == number
        assert found.words.argmax() == found.meaning.argmax() == 0
        assert found.meaning[0] == pytest.approx(1, abs=0.01)


def test_places_of_traces_are_shared_in_part() -> None:
    other = TRACE.replace("shop.Order.pay", "shop.Bill.print")
    index = build_index([build_entry(1, "One", TRACE), build_entry(2, "Two", other), build_entry(3, "Three")])
    found = find_candidates(index, build_query("Four", TRACE))
    shares = dict(zip(list_names(index, found), found.frames, strict=True))
    assert shares[1] == pytest.approx(1)
    assert 0 < shares[2] < 1
    assert shares[3] == 0


def test_of_equal_texts_the_fitting_one_comes_first_then_the_newer_and_at_last_what_is_closed() -> None:
    index = build_index(
        [
            build_entry(1, "Login fails", day=1),
            build_entry(2, "Login fails", day=90),
            build_entry(3, "Login fails", day=90, closed=91),
            build_entry(4, "Login fails", day=90, fields={"component": "ui"}),
            build_entry(5, "Login fails", day=90, closed=200),
        ]
    )
    found = find_candidates(index, build_query("Login fails", fields={"component": "ui"}))
    assert list_names(index, found) == [4, 2, 5, 1, 3]


def test_without_an_encoder_words_are_enough() -> None:
    index = build_index(build_entry(number, *text) for number, text in enumerate(TEXTS))
    for encoder in (None, ENCODER):
        found = find_candidates(index, build_query(*TEXTS[1], encoder=encoder))
        assert found.rows[0] == 1
        assert not found.meaning.any()
    with_vectors = build_index(
        [build_entry(number, *text, encoder=ENCODER) for number, text in enumerate(TEXTS)], n_dims=ENCODER.n_dims
    )
    assert find_candidates(with_vectors, build_query(*TEXTS[1])).rows[0] == 1


@pytest.mark.parametrize("index", [ReportIndex(), ReportIndex(ENCODER.n_dims)])
def test_an_empty_index_has_no_candidates(index: ReportIndex) -> None:
    for query in (build_query("Login", encoder=ENCODER), build_query("Login"), build_query("", TRACE)):
        assert len(find_candidates(index, query).rows) == 0


@pytest.mark.parametrize("text", ["", "!!!", "the of a", "\x00", "\ud83d", "x" * 1000])
def test_a_report_without_any_word_gets_the_latest(text: str) -> None:
    index = build_index(build_entry(number, *TEXTS[number % 5]) for number in range(20))
    found = find_candidates(index, build_query(text, text), most=5)
    assert list_names(index, found) == [19, 18, 17, 16, 15]
    assert not found.words.any()


def test_a_word_that_nobody_has_used_finds_nothing_by_words() -> None:
    index = build_index(build_entry(number, *text) for number, text in enumerate(TEXTS))
    assert not find_candidates(index, build_query("zebra")).words.any()


def test_the_terms_that_tell_most_are_searched() -> None:
    index = build_index(build_entry(number, "common", f"rare{number}") for number in range(50))
    text = "common " + " ".join(f"rare{number}" for number in range(40))
    terms, weights = choose_terms(index, build_profile("", text))
    assert len(terms) == len(weights) == MOST_TERMS
    assert hash_term(split_terms("common")[0]) not in terms
    assert (weights > 0).all()


@given(st.lists(st.sampled_from(["login", "crash", "page", "save"]), max_size=4), st.integers(0, 12))
def test_candidates_are_always_older_and_the_same_again(words: list[str], day: int) -> None:
    index = build_index(build_entry(number, *TEXTS[number % 5]) for number in range(10))
    query: Query = build_query(" ".join(words), day=day)
    found, again = find_candidates(index, query), find_candidates(index, query)
    assert sorted(found.rows) == list(range(min(day, 10)))
    assert found.rows.tolist() == again.rows.tolist()
