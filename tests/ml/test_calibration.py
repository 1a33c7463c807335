"""Probabilities that mean what they say, and thresholds that hold what they promise."""

import numpy as np
import pytest

from bugflow.ml.calibration import choose_thresholds, cross_pool, fit_pool, index_labels
from bugflow.ml.evaluation import (
    calibration_error,
    compare_macro_f1,
    compare_paired,
    compare_paired_means,
    compare_precision,
    mean_interval,
    score,
    share_interval,
)


def draw(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated probabilities of three labels, and truth drawn by them."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet((0.5, 0.5, 0.5), size=count)
    truth = np.array([generator.choice(3, p=row) for row in probabilities])
    return probabilities, truth


def distort(probabilities: np.ndarray, power: float, shares: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    changed = probabilities**power * np.array(shares)
    return np.asarray(changed / changed.sum(axis=1, keepdims=True))


def test_calibrated_probabilities_are_left_as_they_are() -> None:
    probabilities, truth = draw(4000)
    pool = fit_pool([probabilities], truth)
    assert pool.weights == pytest.approx([1.0], abs=0.1)
    assert pool.biases == pytest.approx([0, 0, 0], abs=0.15)


@pytest.mark.parametrize("power", [0.4, 2.5])
def test_a_model_too_sure_or_too_shy_is_set_right(power: float) -> None:
    probabilities, truth = draw(4000)
    distorted = distort(probabilities, power)
    pool = fit_pool([distorted], truth, biased=False)
    assert pool.weights == pytest.approx([1 / power], rel=0.1)
    mended = pool.combine([distorted])
    np.testing.assert_array_equal(mended.argmax(axis=1), distorted.argmax(axis=1))
    assert np.allclose(mended.sum(axis=1), 1)


def test_a_label_that_became_more_frequent_is_said_more_often() -> None:
    probabilities, truth = draw(4000)
    distorted = distort(probabilities, 1.0, (0.1, 1, 1))
    found = fit_pool([distorted], truth).combine([distorted])
    before, after = (distorted.argmax(axis=1) == truth).mean(), (found.argmax(axis=1) == truth).mean()
    assert after > before + 0.05
    assert found.mean(axis=0) == pytest.approx(np.bincount(truth) / len(truth), abs=0.02)


def test_a_member_that_knows_nothing_is_hardly_heard() -> None:
    probabilities, truth = draw(4000)
    guesses, _ = draw(4000, seed=99)
    knowing, guessing = fit_pool([probabilities, guesses], truth).weights
    assert knowing == pytest.approx(1.0, abs=0.1)
    assert guessing < 0.1


def test_two_members_that_know_different_things_are_better_together() -> None:
    probabilities, truth = draw(6000)
    noise = np.random.default_rng(5).normal(0, 1.5, size=(2, *probabilities.shape))
    first, second = (distort(probabilities * np.exp(each), 1.0) for each in noise)
    fitted, unseen = slice(0, 3000), slice(3000, None)
    pool = fit_pool([first[fitted], second[fitted]], truth[fitted])
    together = (pool.combine([first[unseen], second[unseen]]).argmax(axis=1) == truth[unseen]).mean()
    assert together > max((each[unseen].argmax(axis=1) == truth[unseen]).mean() for each in (first, second)) + 0.01


def test_what_a_member_learns_of_new_shares_is_not_counted_twice() -> None:
    probabilities, truth = draw(4000)
    old = distort(probabilities, 1.0, (0.1, 1, 1))  # Learned when the first label was rare.
    pool = fit_pool([old], truth)
    half_way = distort(probabilities, 1.0, (0.5, 1, 1))
    growth = np.log([5.0, 1.0, 1.0])
    followed = pool.follow_shares([growth]).combine([half_way])
    assert np.allclose(followed, pool.combine([old]), atol=0.01)
    assert pool.combine([half_way])[:, 0].mean() > followed[:, 0].mean() + 0.1


def test_what_a_pool_says_to_choose_thresholds_by_does_not_know_the_truth_of_those_reports() -> None:
    probabilities, truth = draw(500)
    before = cross_pool([probabilities], truth)
    changed = np.concatenate([(truth[:100] + 1) % 3, truth[100:]])
    after = cross_pool([probabilities], changed)
    np.testing.assert_array_equal(before[:100], after[:100])
    assert not np.allclose(before[100:], after[100:])
    assert before == pytest.approx(fit_pool([probabilities], truth).combine([probabilities]), abs=0.1)


def test_few_reports_are_pooled_too() -> None:
    probabilities, truth = draw(2)
    assert np.allclose(cross_pool([probabilities], truth).sum(axis=1), 1)


def test_nothing_known_leaves_probabilities_alone() -> None:
    probabilities, _ = draw(10)
    assert np.allclose(fit_pool([probabilities], np.full(10, -1)).combine([probabilities]), probabilities)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_above_the_thresholds_is_right_as_often_as_promised(seed: int) -> None:
    probabilities, truth = draw(3000, seed=seed)
    thresholds = choose_thresholds(probabilities, truth, target=0.9)
    unseen, unseen_truth = draw(6000, seed=seed + 100)
    spoken = thresholds.speaks(unseen)
    assert spoken.mean() > 0.15
    assert (unseen.argmax(axis=1) == unseen_truth)[spoken].mean() >= 0.89


def test_a_label_that_is_seldom_right_is_never_said() -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet((1, 1), size=500)
    truth = generator.integers(0, 2, size=500)
    assert not choose_thresholds(probabilities, truth).speaks(probabilities).any()


def test_a_lucky_handful_is_not_trusted() -> None:
    probabilities = np.tile([0.99, 0.01], (10, 1))
    assert not choose_thresholds(probabilities, np.zeros(10, dtype=int)).speaks(probabilities).any()


def test_reports_that_are_equally_sure_speak_together_or_not_at_all() -> None:
    probabilities = np.tile([0.8, 0.2], (100, 1))
    truth = np.array([0] * 60 + [1] * 40)  # The first sixty are right, so a cut among them would look perfect.
    assert not choose_thresholds(probabilities, truth).speaks(probabilities).any()


def test_labels_that_a_model_does_not_know_are_marked() -> None:
    assert index_labels(["b", "x", "a"], ("a", "b")).tolist() == [1, -1, 0]


def test_the_calibration_error_is_how_far_sureness_is_from_being_right() -> None:
    right = np.array([True] * 60 + [False] * 40)
    assert calibration_error(np.full(100, 0.9), right) == pytest.approx(0.3)
    assert calibration_error(np.full(100, 0.6), right) == pytest.approx(0.0)


def test_scores_count_an_unknown_label_as_wrong() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.6, 0.4]])
    truth = np.array([0, 1, 1, -1])
    thresholds = choose_thresholds(probabilities, truth)
    found = score(probabilities, truth, ("a", "b"), thresholds)
    assert found.accuracy == 0.5
    assert found.accuracy_interval[0] < 0.5 < found.accuracy_interval[1]
    assert [(each.precision, each.recall) for each in found.by_class] == [(1 / 3, 1.0), (1.0, 0.5)]
    assert found.macro_f1 == pytest.approx((0.5 + 2 / 3) / 2)
    assert (found.coverage, found.selective_precision) == (0.0, None)


def test_a_difference_is_compared_where_the_two_disagree() -> None:
    right = np.array([True] * 90 + [False] * 10)
    assert compare_paired(right, right) == 1.0
    assert compare_paired(right, np.zeros(100, dtype=bool)) < 1e-20
    assert compare_paired(np.array([True, False]), np.array([False, True])) == 1.0


def test_macro_f1_is_compared_over_resampled_reports() -> None:
    truth = np.array([0] * 160 + [1] * 40)
    majority, better = np.zeros(200, dtype=int), np.where(np.arange(200) % 10 < 8, truth, 1 - truth)
    assert compare_macro_f1(majority, majority, truth) == 1.0
    assert compare_macro_f1(better, majority, truth) < 0.01
    assert compare_macro_f1(better, np.where(np.arange(200) == 3, 1 - better, better), truth) > 0.2


def test_means_are_compared_pair_by_pair() -> None:
    first = np.linspace(0, 1, 60)
    assert compare_paired_means(first, first) == 1.0
    assert compare_paired_means(first, np.append(first[:-1], 0.0)) == 1.0
    assert compare_paired_means(first + 0.1, first) < 0.001
    chance = compare_paired_means(np.array([1.0, 0, 0, 1, 0]), np.zeros(5))
    assert chance == pytest.approx(0.5)


def test_the_interval_of_a_share() -> None:
    assert np.allclose(share_interval(45, 50), (0.786, 0.957), atol=0.001)
    assert share_interval(0, 3)[0] == 0.0


def test_precisions_are_compared_where_each_speaks() -> None:
    said, other_said = np.arange(200) < 100, np.arange(200) >= 100
    right = np.ones(200, dtype=np.bool_)
    assert compare_precision(said, right, other_said, right) == 1.0
    assert compare_precision(said, right, other_said, np.arange(200) % 2 == 0) < 0.01
    assert compare_precision(said, right, other_said, np.arange(200) != 150) > 0.05


def test_a_mean_lies_in_its_interval_which_narrows_with_more_values() -> None:
    values = np.arange(40) / 40
    low, high = mean_interval(values)
    narrow_low, narrow_high = mean_interval(np.tile(values, 25))
    assert low < values.mean() < high
    assert narrow_high - narrow_low < (high - low) / 3
    assert mean_interval(np.ones(3)) == (1.0, 1.0)
