"""What is held out, and what labels weigh."""

import numpy as np
import pytest

from bugflow.ml.finetuning.examples import hold_out, index_classes, score_columns, weigh_classes


def test_each_label_gives_its_share_to_what_is_held_out_and_a_rare_one_nothing() -> None:
    columns = np.repeat([0, 1, 2], [100, 40, 3])
    trained, held = hold_out(columns, share=0.1, seed=0)
    assert sorted([*trained, *held]) == list(range(143))
    assert np.bincount(columns[held], minlength=3).tolist() == [10, 4, 0]


def test_what_is_held_out_depends_on_the_seed_alone() -> None:
    columns = np.repeat([0, 1], [50, 50])
    first, second, other = (hold_out(columns, share=0.2, seed=seed)[1].tolist() for seed in (1, 1, 2))
    assert first == second != other


def test_balanced_labels_weigh_the_same_together_and_an_example_one_on_average() -> None:
    columns = np.repeat([0, 1, 2], [60, 30, 10])
    weights = weigh_classes(columns, 3, balanced=True)
    assert (weights * [60, 30, 10]).tolist() == pytest.approx([100 / 3] * 3)
    assert weights[columns].mean() == pytest.approx(1.0)
    assert weigh_classes(columns, 3, balanced=False).tolist() == [1, 1, 1]


def test_labels_are_in_the_order_of_their_names() -> None:
    classes, columns = index_classes(["low", "high", "low"], 3)
    assert classes == ("high", "low")
    assert columns.tolist() == [1, 0, 1]


def test_macro_f1_counts_each_label_that_occurs_once() -> None:
    truth, said = np.array([0, 0, 0, 1]), np.array([0, 0, 2, 0])
    figures = score_columns(said, truth)
    assert figures["accuracy"] == 0.5
    assert figures["macro_f1"] == pytest.approx((4 / 6 + 0) / 2)
