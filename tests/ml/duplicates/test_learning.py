"""Training a ranker, choosing from when on it flags, keeping it."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bugflow.ml.artifacts import ArtifactError, read_json, write_json
from bugflow.ml.duplicates.features import list_features
from bugflow.ml.duplicates.history import read_history
from bugflow.ml.duplicates.learning import Options, choose_threshold, train_ranker
from bugflow.ml.duplicates.lessons import Lesson, build_lesson, choose_others
from bugflow.ml.duplicates.ranker import DESCRIPTION, JUDGED, JUDGING, RANKING, SCALED, Ranker, list_judged, show_best
from bugflow.ml.duplicates.replay import profile_history
from factories.encoders import BagEncoder
from factories.trackers import write_tracker

QUICK = Options(rounds=20, judging_rounds=20)


def build_lessons(folder: Path, *, trackers: int = 2) -> list[Lesson]:
    lessons = []
    for seed in range(trackers):
        history = read_history(write_tracker(folder / f"{seed}.parquet", seed=seed))
        lessons.append(build_lesson(history, profile_history(history, BagEncoder()), BagEncoder()))
    return lessons


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> list[Lesson]:
    return build_lessons(tmp_path_factory.mktemp("lessons"))


@pytest.fixture(scope="module")
def ranker(lessons: list[Lesson]) -> Ranker:
    return train_ranker(lessons, QUICK)


def test_the_right_report_comes_first_and_is_the_most_probable(ranker: Ranker, lessons: list[Lesson]) -> None:
    asked = [each for each in lessons[0].comparisons if each.right.any()]
    first = [each.right[ranker.rank(each.features).order[0]] for each in asked]
    assert len(asked) > 50
    assert np.mean(first) > 0.9


def test_probabilities_are_higher_where_there_is_an_older_report(ranker: Ranker, lessons: list[Lesson]) -> None:
    best: dict[bool, list[float]] = {True: [], False: []}
    for each in lessons[1].comparisons:
        best[bool(each.right.any())].append(float(ranker.rank(each.features).probabilities.max()))
    assert np.mean(best[True]) > np.mean(best[False]) + 0.3


def test_only_the_best_ten_have_a_probability(ranker: Ranker, lessons: list[Lesson]) -> None:
    each = lessons[0].comparisons[-1]
    ranking = ranker.rank(each.features)
    told = np.flatnonzero(ranking.probabilities > 0)
    assert set(told) <= set(ranking.order[:JUDGED])
    assert sorted(ranking.order) == list(range(len(each.right)))
    assert ((ranking.probabilities >= 0) & (ranking.probabilities <= 1)).all()


def test_one_candidate_is_ranked_too(ranker: Ranker, lessons: list[Lesson]) -> None:
    ranking = ranker.rank(lessons[0].comparisons[5].features[:1])
    assert list(ranking.order) == [0]


def test_the_same_lessons_give_the_same_ranker(ranker: Ranker, lessons: list[Lesson]) -> None:
    again = train_ranker(lessons, QUICK)
    features = lessons[0].comparisons[-1].features
    assert np.array_equal(again.rank(features).scores, ranker.rank(features).scores)
    assert again.threshold == ranker.threshold


def test_one_tracker_alone_teaches_by_its_own_folds(lessons: list[Lesson]) -> None:
    ranker = train_ranker(lessons[:1], QUICK)
    asked = [each for each in lessons[1].comparisons if each.right.any()]
    assert np.mean([each.right[ranker.rank(each.features).order[0]] for each in asked]) > 0.8


def test_a_kept_ranker_says_the_same(ranker: Ranker, lessons: list[Lesson], tmp_path: Path) -> None:
    ranker.save(tmp_path)
    loaded = Ranker.load(tmp_path)
    features = lessons[0].comparisons[-1].features
    assert np.allclose(loaded.rank(features).probabilities, ranker.rank(features).probabilities)
    assert loaded.threshold == ranker.threshold


@pytest.mark.parametrize("name", [RANKING, JUDGING, DESCRIPTION])
def test_a_damaged_ranker_is_refused(ranker: Ranker, tmp_path: Path, name: str) -> None:
    ranker.save(tmp_path)
    (tmp_path / name).write_text("tree\nnonsense", encoding="utf-8")
    with pytest.raises(ArtifactError, match="cannot be used"):
        Ranker.load(tmp_path)


def test_trees_of_another_width_are_refused(ranker: Ranker, tmp_path: Path) -> None:
    ranker.save(tmp_path)
    shutil.copy(tmp_path / RANKING, tmp_path / JUDGING)
    with pytest.raises(ArtifactError, match="missing or damaged"):
        Ranker.load(tmp_path)


@pytest.mark.parametrize("said", ["features", "judged"])
def test_a_ranker_of_other_features_is_refused(ranker: Ranker, tmp_path: Path, said: str) -> None:
    ranker.save(tmp_path)
    content = read_json(tmp_path / DESCRIPTION)
    write_json(tmp_path / DESCRIPTION, {**content, said: ["another", *content[said][1:]]})
    with pytest.raises(ArtifactError, match="other features"):
        Ranker.load(tmp_path)


def test_a_probability_depends_on_nothing_that_has_a_trackers_own_scale(lessons: list[Lesson]) -> None:
    each = lessons[0].comparisons[-1]
    scores = np.linspace(1, 0, len(each.features))
    order = np.arange(len(scores))
    shown = show_best(each.features, scores, order)
    elsewhere = each.features.copy()
    elsewhere[:, [list_features().index(name) for name in SCALED]] += 5
    assert shown.shape == (JUDGED, len(list_judged()))
    assert np.array_equal(show_best(elsewhere, scores + 5, order), shown)
    assert not np.array_equal(show_best(each.features, scores * 2, order), shown)


def test_the_threshold_is_the_lowest_that_keeps_the_precision() -> None:
    probabilities = np.linspace(1, 0, 101)
    truth = np.arange(101) < 45
    threshold = choose_threshold(probabilities, truth, target=0.9)
    assert truth[probabilities >= threshold].mean() >= 0.9
    assert truth[probabilities >= threshold - 0.011].mean() < 0.9


def test_where_several_trackers_teach_more_is_demanded_of_each_than_of_one_alone(lessons: list[Lesson]) -> None:
    never = replace(QUICK, precision_of_each=1.01, target_precision=1.01)
    assert train_ranker(lessons, never).threshold == 1
    assert train_ranker(lessons, replace(never, precision_of_each=0.9)).threshold < 1
    assert train_ranker(lessons[:1], replace(never, precision_of_each=0.9)).threshold == 1
    assert train_ranker(lessons[:1], replace(never, target_precision=0.9)).threshold < 1


def test_where_the_target_is_never_reached_the_best_is_taken_if_it_is_enough() -> None:
    probabilities, truth = np.linspace(1, 0.01, 100), np.ones(100, dtype=bool)
    truth[[2, 20, *range(60, 100)]] = False
    assert choose_threshold(probabilities, truth, target=0.99) == 1
    assert choose_threshold(probabilities, truth, target=0.99, least=0.97) == 1
    best = choose_threshold(probabilities, truth, target=0.99, least=0.9)
    assert best == pytest.approx(probabilities[59])
    assert choose_threshold(probabilities, truth, target=0.9, least=0.9) < best
    assert choose_threshold(probabilities[:29], truth[:29], target=0.99, least=0.5) == 1


def test_nothing_is_flagged_where_too_few_were_right() -> None:
    few = np.linspace(1, 0, 20)
    assert choose_threshold(few, np.ones(20, dtype=np.bool_)) == 1.0
    many = np.linspace(1, 0, 200)
    assert choose_threshold(many, np.zeros(200, dtype=np.bool_)) == 1.0


@pytest.mark.parametrize(
    ("said", "teaches"),
    [
        ({"is_bug": False, "settled": True}, False),
        ({"is_bug": True, "settled": False}, False),
        ({"is_bug": True, "settled": True}, True),
    ],
)
def test_a_near_repetition_that_nobody_linked_teaches_only_where_it_is_a_bug_of_its_own(
    said: dict[str, Any], *, teaches: bool, lessons: list[Lesson], ranker: Ranker
) -> None:
    place = list_features().index("title_shared")
    near = []
    for each in lessons[0].comparisons[30:90]:
        features = each.features.copy()
        features[0, place] = 1
        near.append(replace(each, features=features, right=np.zeros_like(each.right), **said))
    first = replace(lessons[0], comparisons=[*lessons[0].comparisons, *near])
    again = train_ranker([first, lessons[1]], QUICK)
    asked = lessons[0].comparisons[40].features
    assert np.array_equal(again.rank(asked).scores, ranker.rank(asked).scores)
    assert np.array_equal(again.rank(asked).probabilities, ranker.rank(asked).probabilities) is not teaches


def test_others_are_no_duplicates_and_stand_for_all_of_them(tmp_path: Path) -> None:
    history = read_history(write_tracker(tmp_path / "reports.parquet"))
    chosen = choose_others(history, 50)
    assert len(chosen) == 50
    assert not set(chosen) & set(history.queries)
    assert chosen == sorted(chosen) == choose_others(history, 50)
    lesson = build_lesson(history, profile_history(history, None), None, others=50)
    assert lesson.others_weight == pytest.approx((len(history) - len(history.queries)) / 50)


def test_what_repeats_a_report_is_the_same_bug_and_what_exchanges_a_word_is_not(lessons: list[Lesson]) -> None:
    ranker = train_ranker(lessons, QUICK)
    untaught = train_ranker([replace(each, copies=()) for each in lessons], QUICK)
    same: list[float] = []
    other: list[float] = []
    for each in lessons[0].copies:
        best = ranker.rank(each.features).probabilities.max() - untaught.rank(each.features).probabilities.max()
        (same if each.right.any() else other).append(float(best))
    assert len(same) > 50
    assert len(other) > 20
    assert np.mean(same) > np.mean(other) + 0.1


def test_made_up_reports_say_nothing_about_how_frequent_duplicates_are(lessons: list[Lesson], ranker: Ranker) -> None:
    none = [replace(each, right=np.zeros_like(each.right)) for each in lessons[0].copies]
    misled = train_ranker([replace(lessons[0], copies=[*lessons[0].copies, *none] * 3), lessons[1]], QUICK)
    rare = [
        np.mean(
            [each.rank(some.features).probabilities.max() for some in lessons[1].comparisons if not some.right.any()]
        )
        for each in (misled, ranker)
    ]
    assert rare[0] == pytest.approx(rare[1], abs=0.05)
