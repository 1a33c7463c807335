"""What one tracker's people said teaches a ranker, and is only used where that was worth it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bugflow.ml.duplicates.adapting import Adaptation, TooFewDuplicatesError, adapt_ranker, write_card
from bugflow.ml.duplicates.history import read_history
from bugflow.ml.duplicates.learning import Options, train_ranker
from bugflow.ml.duplicates.lessons import Lesson, build_lesson
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import profile_history
from factories.encoders import BagEncoder
from factories.trackers import write_tracker

QUICK = Options(rounds=20, judging_rounds=10)


def build(folder: Path, seed: int, issues: int = 400) -> Lesson:
    history = read_history(write_tracker(folder / f"{seed}.parquet", seed=seed, issues=issues))
    return build_lesson(history, profile_history(history, BagEncoder()), BagEncoder())


def mislead(lesson: Lesson) -> Lesson:
    """Return a lesson in which chance says which candidate is right."""
    random = np.random.default_rng(0)
    wrong = [replace(each, right=random.permutation(each.right)) for each in lesson.comparisons]
    return Lesson(wrong, lesson.others_weight)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return build(tmp_path_factory.mktemp("own"), seed=1)


@pytest.fixture(scope="module")
def misled(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    """A ranker that has learned nonsense."""
    folder = tmp_path_factory.mktemp("others")
    return train_ranker([mislead(build(folder, seed, issues=250)) for seed in (2, 3)], QUICK)


@pytest.fixture(scope="module")
def adapted(misled: Ranker, lesson: Lesson) -> Adaptation:
    return adapt_ranker(misled, lesson, QUICK)


def test_it_learns_from_the_older_ones_and_is_tried_on_the_newer(adapted: Adaptation, lesson: Lesson) -> None:
    useful = sum(bool(each.right.any()) for each in lesson.comparisons)
    assert adapted.n_learned + adapted.n_tested == useful
    assert adapted.n_tested / useful == pytest.approx(0.3, abs=0.02)


def test_what_people_said_puts_the_older_report_first(adapted: Adaptation) -> None:
    assert adapted.after.mrr > adapted.before.mrr + 0.2
    assert adapted.after.recall_at_1 >= 0.8
    assert adapted.p_value < 0.05
    assert adapted.is_better


def test_trees_are_added_to_those_there_are(adapted: Adaptation, misled: Ranker) -> None:
    assert adapted.ranker.ranking.num_trees() == misled.ranking.num_trees() + QUICK.rounds
    assert adapted.ranker.judging.num_trees() == misled.judging.num_trees() + QUICK.judging_rounds


def test_what_people_say_by_chance_is_not_used(lesson: Lesson, tmp_path: Path) -> None:
    good = train_ranker([build(tmp_path, seed, issues=250) for seed in (2, 3)], QUICK)
    found = adapt_ranker(good, mislead(lesson), QUICK)
    assert not found.is_better


def test_a_few_duplicates_are_too_few(misled: Ranker, lesson: Lesson) -> None:
    with pytest.raises(TooFewDuplicatesError) as raised:
        adapt_ranker(misled, Lesson(lesson.comparisons[:60], lesson.others_weight), QUICK)
    assert raised.value.found < 50


def test_where_too_little_is_flagged_it_flags_as_before(misled: Ranker, lesson: Lesson) -> None:
    base = replace(misled, threshold=0.77)
    few = Lesson([each for each in lesson.comparisons if each.right.any()][:60], lesson.others_weight)
    strict = replace(QUICK, target_precision=1.01)
    assert adapt_ranker(base, few, strict).ranker.threshold == 0.77


def test_the_card_says_what_it_learned_from_and_how_good_it_is(adapted: Adaptation) -> None:
    card = write_card(adapted, source="own issues")
    assert "own issues" in card
    assert f"| after | {adapted.after.recall_at_1:.3f} |" in card
    assert f"{adapted.n_tested} newest" in card
