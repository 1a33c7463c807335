"""Probabilities that mean what they say, and thresholds that hold what they promise."""

import numpy as np
import pytest

from bugflow.ml.calibration import choose_thresholds, fit_temperature, index_labels, scale_temperature
from bugflow.ml.evaluation import calibration_error, compare_paired, score


def draw(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated probabilities of three labels, and truth drawn by them."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet((0.5, 0.5, 0.5), size=count)
    truth = np.array([generator.choice(3, p=row) for row in probabilities])
    return probabilities, truth


def test_calibrated_probabilities_are_left_as_they_are() -> None:
    probabilities, truth = draw(4000)
    assert fit_temperature(probabilities, truth) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_a_model_too_sure_or_too_shy_is_set_right(temperature: float) -> None:
    probabilities, truth = draw(4000)
    distorted = scale_temperature(probabilities, temperature)
    found = fit_temperature(distorted, truth)
    assert found == pytest.approx(1 / temperature, rel=0.1)
    mended = scale_temperature(distorted, found)
    np.testing.assert_array_equal(mended.argmax(axis=1), probabilities.argmax(axis=1))
    assert np.allclose(mended.sum(axis=1), 1)


def test_nothing_known_leaves_probabilities_alone() -> None:
    probabilities, _ = draw(10)
    assert fit_temperature(probabilities, np.full(10, -1)) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_above_the_thresholds_is_right_as_often_as_promised(seed: int) -> None:
    probabilities, truth = draw(3000, seed=seed)
    thresholds = choose_thresholds(probabilities, truth, target=0.9)
    unseen, unseen_truth = draw(6000, seed=seed + 100)
    spoken = thresholds.speaks(unseen)
    assert spoken.mean() > 0.2
    assert (unseen.argmax(axis=1) == unseen_truth)[spoken].mean() >= 0.88


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
