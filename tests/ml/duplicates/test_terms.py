"""The words of a report as numbers."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from bugflow.ml.duplicates.terms import (
    LONGEST_WORD,
    count_terms,
    hash_term,
    hash_terms,
    list_versions,
    pair_terms,
    split_terms,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("getHTTPResponse", ["gethttprespons", "get", "http", "respons"]),
        ("parse_user_name", ["parse_user_nam", "pars", "user", "name"]),
        ("MAX_RETRY_COUNT", ["max_retry_count", "max", "retri", "count"]),
        ("python3 error404", ["python3", "python", "error404", "error", "404"]),
        ("404", ["404"]),
        ("$scope", ["$scope"]),
        ("Crash", ["crash"]),
    ],
)
def test_a_name_in_code_is_followed_by_its_parts(text: str, terms: list[str]) -> None:
    assert split_terms(text) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Größe", ["größe"]),
        ("naïve café", ["naïv", "café"]),
        ("Überlauf", ["überlauf"]),
        ("zażółć", ["zażółć"]),
        ("getGrößeÄnderung", ["getgrößeänderung", "get", "größe", "änderung"]),
        ("ошибка сервера", ["ошибка", "сервера"]),
        ("点击button崩溃", ["点击", "button", "崩溃"]),
        ("button崩溃", ["button", "崩溃"]),
    ],
)
def test_letters_with_accents_stay_in_their_word_and_other_alphabets_stand_apart(text: str, terms: list[str]) -> None:
    assert split_terms(text) == terms


def test_forms_of_a_word_are_one_term() -> None:
    assert len({*split_terms("crash crashes crashed crashing")}) == 1


def test_words_of_every_report_and_very_long_ones_are_left_out() -> None:
    assert split_terms("This is not the page, and it was") == ["page"]
    assert split_terms("x" * LONGEST_WORD + " " + "y" * (LONGEST_WORD + 1)) == ["x" * LONGEST_WORD]


@pytest.mark.parametrize("text", ["", " \n", "\x00", "\ud83d", "...", "😀", "x" * 1_000_000])
def test_a_text_without_words_has_no_terms(text: str) -> None:
    assert split_terms(text) == []


def test_numbers_of_terms_are_the_same_in_every_process() -> None:
    assert {each: hash_term(each) for each in ("crash", "größe", "http respons", "")} == {
        "crash": 3_622_367_455,
        "größe": 1_540_598_153,
        "http respons": 1_786_639_955,
        "": 0,
    }
    assert 0 <= hash_term("\ud83d") < 2**32


def test_numbers_are_each_once_and_ascend() -> None:
    numbers = hash_terms(["login", "crash", "login", "page"])
    assert numbers.dtype == np.uint32
    assert numbers.tolist() == sorted({hash_term(each) for each in ("login", "crash", "page")})
    assert len(hash_terms([])) == 0


def test_terms_are_counted_up_to_255_times() -> None:
    numbers, amounts = count_terms(["crash"] * 300 + ["page"] * 2 + ["login"] * 255)
    assert amounts.dtype == np.uint8
    assert dict(zip(numbers.tolist(), amounts.tolist(), strict=True)) == {
        hash_term("crash"): 255,
        hash_term("page"): 2,
        hash_term("login"): 255,
    }
    assert numbers.tolist() == sorted(numbers.tolist())
    assert [len(each) for each in count_terms([])] == [0, 0]


def test_neighbours_are_paired() -> None:
    assert list(pair_terms(["save", "draft", "fail"])) == ["save draft", "draft fail"]
    assert list(pair_terms(["save"])) == list(pair_terms([])) == []


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("Since 3.11.2 and 2.0rc1", {"3.11.2", "2.0rc1"}),
        ("v3.11.2, V1.0", {"3.11.2", "1.0"}),
        ("Version 7 of 2026", set()),
        ("3.11.2.", {"3.11.2"}),
        ("127.0.0.1", {"127.0.0.1"}),
        ("python3.11", set()),
        ("1." * 50_000, {"1.1.1.1.1.1", "1.1"}),
        ("", set()),
    ],
)
def test_versions_are_found_with_or_without_a_v(text: str, versions: set[str]) -> None:
    assert list_versions(text) == versions


def test_threads_find_the_same_terms() -> None:
    texts = [f"getHTTPResponse{number} crashes when saving page{number}" for number in range(200)]
    alone = [split_terms(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(split_terms, texts)) == alone
