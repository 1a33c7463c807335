"""What a ranker looks at."""

from math import log, log1p

import numpy as np
import pytest
from numpy.typing import NDArray

from bugflow.ml.duplicates.candidates import DAY, Candidates, Query, find_candidates
from bugflow.ml.duplicates.features import UNKNOWN, compute_features, list_features
from bugflow.ml.duplicates.index import FIELDS, Filed, ReportIndex
from factories.encoders import BagEncoder
from ml.duplicates.building import TEXTS, build_entry, build_index, build_profile, build_query

ENCODER = BagEncoder()
TRACE = "java.io.IOException: gone\n\tat shop.Cart.sum(Cart.java:3)\n\tat shop.Order.pay(Order.java:7)\n"
OF_TIMES_AND_GROUPS = ("days", "closed", "days_closed", "between", "age", "group_size", "group_days")
OF_ONE_TEXT = ("length", "own_length", "longer", "title_length", "own_title_length", "pairs", "versions")


def compare(index: ReportIndex, query: Query) -> tuple[Candidates, dict[str, NDArray[np.float32]]]:
    """Return the candidates in the order of their rows, and their features by name."""
    found = find_candidates(index, query)
    order = np.argsort(found.rows)
    found = Candidates(found.rows[order], found.words[order], found.meaning[order], found.frames[order])
    features = compute_features(index, query, found)
    return found, dict(zip(list_features(), features.T, strict=True))


def build_three() -> ReportIndex:
    """Three reports of days 1, 3 and 6, of which the first two are the same bug."""
    index = build_index(
        [
            build_entry(1, "Login fails", "Timeout in version 3.11.2", closed=5, fields={"component": "ui"}),
            build_entry(3, "Login page blank", fields={"component": "api", "project": "shop"}),
            build_entry(6, "Export", "The printed page is blank", closed=20),
        ]
    )
    index.join(3, 1)
    return index


def test_every_feature_is_named_once_and_has_a_column() -> None:
    index = build_three()
    query = build_query("Login fails")
    features = compute_features(index, query, find_candidates(index, query))
    assert len(set(list_features())) == len(list_features()) == features.shape[1]
    assert features.shape[0] == 3
    assert features.dtype == np.float32


def test_what_time_tells_is_as_computed_by_hand() -> None:
    _, found = compare(build_three(), build_query("Login", day=10))
    np.testing.assert_allclose(found["days"], [log1p(9), log1p(7), log1p(4)], rtol=1e-6)
    assert found["closed"].tolist() == [1, 0, 0]
    np.testing.assert_allclose(found["days_closed"], [log1p(5), UNKNOWN, UNKNOWN], rtol=1e-6)
    np.testing.assert_allclose(found["between"], [log1p(3), log1p(2), log1p(1)], rtol=1e-6)
    np.testing.assert_allclose(found["age"], [1, 2 / 3, 1 / 3], rtol=1e-6)


def test_what_groups_tell_is_as_computed_by_hand() -> None:
    _, found = compare(build_three(), build_query("Login page", day=10))
    np.testing.assert_allclose(found["group_size"], [log(2), log(2), 0], rtol=1e-6)
    np.testing.assert_allclose(found["group_days"], [log1p(7), log1p(7), log1p(4)], rtol=1e-6)
    best = max(found["words"][:2])
    np.testing.assert_allclose(found["group_words"], [best, best, found["words"][2]], rtol=1e-6)
    assert found["group_both_meanings"].tolist() == [0, 0, 0]


def test_what_fields_tell_is_as_computed_by_hand() -> None:
    fields = {"component": "ui", "project": "new one"}
    _, found = compare(build_three(), build_query("Login", fields=fields))
    assert found["same_component"].tolist() == [1, 0, UNKNOWN]
    assert found["same_project"].tolist() == [UNKNOWN, 0, UNKNOWN]
    assert {float(each) for each in found["same_reporter"]} == {UNKNOWN}


def test_what_words_tell_is_as_computed_by_hand() -> None:
    _, found = compare(build_three(), build_query("Login fails", "A timeout in 3.11.2"))

    def weigh(having: int) -> float:
        return log1p((3 - having + 0.5) / (having + 0.5))

    # Own terms: login (of two reports), fail, timeout, 3, 11, 2 (of one each).
    own = weigh(2) + 5 * weigh(1)
    title = weigh(2) + weigh(1)
    np.testing.assert_allclose(found["all_found"], [1, weigh(2) / own, 0], rtol=1e-5)
    np.testing.assert_allclose(found["all_mass"], [own, weigh(2), 0], rtol=1e-5)
    np.testing.assert_allclose(found["title_words"], [1, weigh(2) / title, 0], rtol=1e-5)
    np.testing.assert_allclose(found["title_shared"], [1, weigh(2) / (title + 2 * weigh(2)), 0], rtol=1e-5)
    np.testing.assert_allclose(found["title_in_all"], [1, weigh(2) / title, 0], rtol=1e-5)
    np.testing.assert_allclose(found["its_title_found"], [1, 1 / 3, 0], rtol=1e-5)
    np.testing.assert_allclose(found["prose_found"], [1, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(found["rarest"], np.array([weigh(1), weigh(2), 0]) / log1p(3), rtol=1e-5)
    np.testing.assert_allclose(found["rare"], [log1p(5), 0, 0], rtol=1e-5)
    assert found["pairs"].tolist() == [1, 0, 0]
    assert found["versions"].tolist() == [1, UNKNOWN, UNKNOWN]
    assert found["code_mass"].tolist() == [0, 0, 0]


def test_how_a_value_stands_among_the_others_is_as_computed_by_hand() -> None:
    _, found = compare(build_three(), build_query("Login fails"))
    words = found["words"].astype(np.float64)
    assert words[0] > words[1] > words[2] == 0
    np.testing.assert_allclose(found["words_rank"], [0, log1p(1), log1p(2)], rtol=1e-6)
    np.testing.assert_allclose(found["words_behind"], words / words[0] - 1, rtol=1e-5)
    np.testing.assert_allclose(found["words_ahead"], (words - words[1]) / words[0], rtol=1e-5)
    np.testing.assert_allclose(found["words_standing"], (words - words.mean()) / words.std(), rtol=1e-4)


def test_lengths_are_those_of_title_and_sentences() -> None:
    _, found = compare(build_three(), build_query("Login fails now"))
    np.testing.assert_allclose(found["length"], np.log1p([2 + 5, 3, 1 + 3]), rtol=1e-6)
    np.testing.assert_allclose(found["own_length"], [log1p(3)] * 3, rtol=1e-6)
    np.testing.assert_allclose(found["longer"], found["length"] - log1p(3), atol=1e-6)
    assert found["title_length"].tolist() == [2, 3, 1]
    assert found["own_title_length"].tolist() == [3, 3, 3]


def test_meaning_is_the_cosine_of_titles_and_texts() -> None:
    index = build_index(
        [build_entry(number, *text, encoder=ENCODER) for number, text in enumerate(TEXTS)], n_dims=ENCODER.n_dims
    )
    query = build_query(*TEXTS[0], encoder=ENCODER)
    _, found = compare(index, query)
    profiles = [build_profile(*text, encoder=ENCODER) for text in TEXTS]
    titles = np.array([each.title for each in profiles])
    texts = np.array([each.text for each in profiles])
    for name, expected in (
        ("meaning", texts @ texts[0]),
        ("title_meaning", titles @ titles[0]),
        ("title_in_text", texts @ titles[0]),
        ("text_in_title", titles @ texts[0]),
        ("both_meanings", texts @ texts[0] + titles @ titles[0]),
    ):
        np.testing.assert_allclose(found[name], expected, atol=0.02, err_msg=name)


@pytest.mark.parametrize("encoder", [None, ENCODER])
@pytest.mark.parametrize("text", ["", "!!!", "\x00\ud83d", "login " * 5000, "x" * 1000, TRACE, "1.2.3 " * 300])
def test_any_report_has_features_that_are_finite(text: str, encoder: BagEncoder | None) -> None:
    everything = [*TEXTS, ("", ""), (text, text), ("", TRACE)]
    entries = [build_entry(number, *each, encoder=encoder) for number, each in enumerate(everything)]
    for known in (entries, entries[:1], [build_entry(0)]):
        index = build_index(known, n_dims=ENCODER.n_dims if encoder else 0)
        for query in (
            build_query(text, encoder=encoder),
            build_query("", text, encoder=encoder),
            build_query("", "", fields=dict.fromkeys(FIELDS, "never seen"), encoder=encoder),
        ):
            found, features = compare(index, query)
            assert len(found.rows) == len(known)
            assert all(np.isfinite(column).all() for column in features.values())


def test_nothing_that_is_filed_later_is_looked_at_but_how_often_words_are() -> None:
    query = Query(build_profile(*TEXTS[0]), Filed(10 * DAY, fields={"component": "ui", "reporter": "ann"}))
    _, before = compare(build_three(), query)
    index = build_three()
    index.add(
        [
            build_entry(
                90 + number, *TEXTS[0], day=10 + number, closed=12, fields={"component": "ui", "reporter": "ann"}
            )
            for number in range(4)
        ]
    )
    for number in range(4):
        index.join(90 + number, 1)
    found, after = compare(index, query)
    assert found.rows.tolist() == [0, 1, 2]
    for name in (*OF_TIMES_AND_GROUPS, *OF_ONE_TEXT, *(f"same_{each}" for each in FIELDS)):
        np.testing.assert_array_equal(after[name], before[name], err_msg=name)


def test_a_report_that_was_edited_or_removed_is_counted_once_or_not_at_all() -> None:
    query = build_query("Login", day=10)
    _, before = compare(build_three(), query)
    edited = build_three()
    edited.add([build_entry(3, "Login page blank", "edited", fields={"component": "api", "project": "shop"})])
    found, after = compare(edited, query)
    order = np.argsort(edited.identities[found.rows])
    for name in OF_TIMES_AND_GROUPS:
        np.testing.assert_array_equal(after[name][order], before[name], err_msg=name)
    edited.remove(3)
    _, without = compare(edited, query)
    np.testing.assert_allclose(without["between"], [log1p(2), log1p(1)], rtol=1e-6)
    assert without["group_size"].tolist() == [0, 0]


def test_what_only_one_title_says_is_as_computed_by_hand() -> None:
    index = build_index(
        [
            build_entry(1, "Android sort rows", "Windows too"),
            build_entry(2, "iOS sort rows"),
            build_entry(3, "Export"),
        ]
    )
    query = build_query("Windows sort rows")
    _, found = compare(index, query)
    windows, android, ios = (log1p((3 - n + 0.5) / (n + 0.5)) for n in (1, 1, 1))
    assert found["missed_count"].tolist() == [0, 1, 3]  # The first one's text has the word.
    assert found["missed_in_title_count"].tolist() == [1, 1, 3]
    assert found["extra_count"].tolist() == found["extra_in_title_count"].tolist() == [1, 1, 1]
    np.testing.assert_allclose(found["missed"][:2], [0, windows], rtol=1e-5)
    np.testing.assert_allclose(found["missed_in_title"][:2], [windows, windows], rtol=1e-5)
    np.testing.assert_allclose(found["extra"][:2], [android, ios], rtol=1e-5)


def test_of_a_report_told_again_nothing_is_missed() -> None:
    _, found = compare(build_index([build_entry(1, "Android sort rows")]), build_query("Android sort rows"))
    for name in list_features():
        if name.startswith(("missed", "extra")):
            assert found[name].tolist() == [0], name
