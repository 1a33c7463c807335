"""What is kept of a report for comparing it."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.profiles import TITLE_WEIGHT, Words, join_text, profile_reports, read_words
from bugflow.ml.duplicates.terms import hash_term, hash_terms, split_terms
from bugflow.ml.text import clean_report
from factories.encoders import BagEncoder, HashEncoder
from ml.duplicates.building import build_profile

TRACE = (
    "java.io.IOException: order {order} is gone\n\tat shop.Cart.lambda$sum${build}(Cart.java:{line})\n"
    "\tat shop.Order.pay(Order.java:{line})\n\tat shop.Main.run(Main.java:4)\n"
)


def read(title: str, description: str = "") -> Words:
    return build_profile(title, description).words


def count(words: Words, part: str, word: str) -> int:
    (term,) = split_terms(word)
    at = np.flatnonzero(words.terms == hash_term(term))
    return int(getattr(words, part)[at[0]]) if len(at) else 0


def assert_same(one: Words, other: Words) -> None:
    for each in fields(Words):
        np.testing.assert_array_equal(getattr(one, each.name), getattr(other, each.name))


def test_words_are_counted_by_the_part_they_stand_in() -> None:
    words = read("Login fails", "The login page is slow: login hangs.\n```\nopen_login(page)\n```\n")
    assert [count(words, part, "login") for part in ("in_title", "in_prose", "in_code")] == [1, 2, 1]
    assert [count(words, part, "page") for part in ("in_title", "in_prose", "in_code")] == [0, 1, 1]
    assert [count(words, part, "fails") for part in ("in_title", "in_prose", "in_code")] == [1, 0, 0]
    assert (words.n_title, words.n_prose) == (2, 5)
    assert words.terms.tolist() == sorted(set(words.terms.tolist()))
    assert len(words.in_title) == len(words.in_prose) == len(words.in_code) == len(words.terms)


def test_a_word_of_the_title_counts_several_times() -> None:
    words = read("Login", "Login login page")
    at = int(np.flatnonzero(words.terms == hash_term("login"))[0])
    assert words.frequencies[at] == TITLE_WEIGHT + 2
    assert words.frequencies.dtype == np.float32


def test_pairs_are_what_follows_what_in_the_title() -> None:
    words = read("Saving a draft fails", "The saving of drafts is broken")
    assert words.pairs.tolist() == hash_terms(["save draft", "draft fail"]).tolist()


def test_versions_of_title_and_sentences_are_kept() -> None:
    words = read("Crash in v3.11.2", "It worked in 3.10.1")
    assert words.versions.tolist() == hash_terms(["3.11.2", "3.10.1"]).tolist()


def test_the_same_failure_of_two_builds_shares_most_places() -> None:
    one = read("Paying fails", TRACE.format(order=12, build=3, line=33))
    other = read("Cannot pay", TRACE.format(order=977, build=11, line=35))
    another = read("Printing", TRACE.format(order=1, build=1, line=1).replace("shop.", "printing."))
    shared = len(np.intersect1d(one.frames, other.frames))
    assert shared >= 0.8 * len(one.frames) > 0
    assert len(np.intersect1d(one.frames, another.frames)) < 0.3 * len(one.frames)
    assert len(read("Paying fails", "No trace here.").frames) == 0


def test_without_an_encoder_there_are_words_alone() -> None:
    (profile,) = profile_reports([Report("Login fails")], None)
    assert profile.title is None
    assert profile.text is None
    assert profile_reports([], None) == []


def test_each_report_has_the_vectors_of_its_own_texts() -> None:
    encoder = HashEncoder()
    reports = [Report("Login fails", "It hangs."), Report("", ""), Report("Export", "Empty page.")]
    profiles = profile_reports(reports, encoder)
    assert len(encoder.batches) == 1
    for report, profile in zip(reports, profiles, strict=True):
        text = clean_report(report.title, report.description)
        title, both = encoder.encode([text.title, join_text(text)])
        np.testing.assert_array_equal(profile.title, title)
        np.testing.assert_array_equal(profile.text, both)


def test_a_failing_encoder_is_told() -> None:
    encoder = HashEncoder()
    encoder.failure = OSError("no weights")
    with pytest.raises(OSError, match="no weights"):
        profile_reports([Report("Login")], encoder)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\x00", "\ud83d\ude00", "\ud83d", "é" * 10, "\u202e", "login\x00page"),
        *("login " * 200_000, "x" * 1_000_000, "1.2." * 100_000, "\tat a.b.C.d(E.java:1)\n" * 20_000, "```" * 30_000),
        'Traceback (most recent call last):\n  File "\ud83d.py", line 3, in \ud83d\nValueError: \ud83d\n',
    ],
)
def test_any_text_has_a_profile(text: str) -> None:
    for words in (read(text), read("", text), read(text, text)):
        assert np.isfinite(words.frequencies).all()
        assert (words.frequencies > 0).all()
        assert len(words.terms) < 10_000


@given(st.text(max_size=80), st.text(max_size=300))
def test_the_same_report_has_the_same_profile(title: str, description: str) -> None:
    (one, other) = profile_reports([Report(title, description)] * 2, BagEncoder())
    assert_same(one.words, other.words)
    assert_same(one.words, read_words(clean_report(title, description), description))
    np.testing.assert_array_equal(one.text, other.text)
