"""Whether a candidate may follow: each check alone decides, and says its figures."""

from collections.abc import Sequence

import numpy as np
import pytest

from bugflow.mlops.promotion.gate import CANDIDATE, CHAMPION, MAJORITY, Answers, Demands, Verdict, judge, measure

TRUTH = ["low"] * 60 + ["high"] * 30 + ["critical"] * 10


def say(labels: Sequence[str], *, sure: int | Sequence[bool] = 0) -> Answers:
    spoken = np.arange(len(labels)) < sure if isinstance(sure, int) else np.array(sure)
    return Answers(np.array(labels), spoken)


def decide(candidate: Answers, champion: Answers | None = None, demands: Demands | None = None) -> Verdict:
    baselines = {MAJORITY: Answers.always("low", len(TRUTH))}
    return judge(TRUTH, candidate, champion=champion, baselines=baselines, demands=demands)


def list_failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_a_better_candidate_passes_and_its_figures_are_said() -> None:
    worse = say(["low"] * 70 + ["high"] * 20 + ["critical"] * 10, sure=50)
    verdict = decide(say(TRUTH, sure=90), worse)
    assert verdict.passed
    assert verdict.n_items == 100
    assert verdict.supports == {"low": 60, "high": 30, "critical": 10}
    assert [verdict.figures[name].accuracy for name in (CANDIDATE, CHAMPION, MAJORITY)] == [1.0, 0.9, 0.6]
    said = {check.name: check.says for check in verdict.checks}
    assert "right 90 times of 90 (100.0%" in said["precision"]
    assert "90.0% of the items, the model in use about 50.0%" in said["coverage"]
    assert "'high' it finds 100.0%, the model in use 66.7%; by how" in said["label:high"]
    assert said["label:high"].endswith("1.00 and 0.80.")


def test_the_same_answers_as_those_of_the_model_in_use_pass() -> None:
    said = say(["low"] * 70 + ["high"] * 20 + ["critical"] * 10, sure=40)
    assert decide(said, said).passed


def test_on_too_few_items_nothing_passes() -> None:
    majority = {MAJORITY: Answers.always("low", 49)}
    verdict = judge(["low"] * 49, say(["low"] * 49), champion=None, baselines=majority)
    assert list_failed(verdict) == ["items"]
    assert "49 items" in verdict.checks[0].says
    empty = judge([], say([]), champion=None, baselines={MAJORITY: Answers.always("low", 0)})
    assert (empty.passed, empty.n_items, list_failed(empty)) == (False, 0, ["items"])


def test_below_the_majority_nothing_passes() -> None:
    assert list_failed(decide(say(["high"] * 60 + TRUTH[60:]))) == ["majority"]


@pytest.mark.parametrize(("wrong", "passes"), [(5, True), (6, False)])
def test_where_it_is_sure_it_has_to_be_right(wrong: int, *, passes: bool) -> None:
    labels = ["high"] * wrong + TRUTH[wrong:]
    verdict = decide(say(labels, sure=50))
    assert verdict.passed is passes
    assert list_failed(verdict) == ([] if passes else ["precision"])
    assert decide(say(labels, sure=50), demands=Demands(precision=0.8)).passed


def test_of_a_few_sure_answers_nothing_is_said() -> None:
    verdict = decide(say(["high"] * 3 + TRUTH[3:], sure=9))
    assert verdict.passed
    assert "9 items only" in next(check.says for check in verdict.checks if check.name == "precision")


@pytest.mark.parametrize(("sure", "passes"), [(48, True), (47, False)])
def test_it_may_not_be_sure_much_less_often(sure: int, *, passes: bool) -> None:
    verdict = decide(say(TRUTH, sure=sure), say(TRUTH, sure=50))
    assert [check.passed for check in verdict.checks if check.name == "coverage"] == [passes]


def test_sure_answers_may_not_be_worth_less_but_by_chance() -> None:
    champion = say(TRUTH, sure=100)
    for wrong, passes in ((3, True), (9, False)):
        candidate = say(["high"] * wrong + TRUTH[wrong:], sure=100)
        verdict = decide(candidate, champion)
        assert [check.passed for check in verdict.checks if check.name == "worth"] == [passes]
        assert list_failed(verdict) == ([] if passes else ["worth", "label:high", "label:low"])


def test_a_label_may_not_be_found_less_often_but_by_chance() -> None:
    champion = say(TRUTH)
    lost = say(TRUTH[:60] + ["low"] * 8 + ["high"] * 22 + TRUTH[90:])
    assert list_failed(decide(lost, champion)) == ["label:high", "label:low"]
    by_chance = say(TRUTH[:90] + ["high"] * 3 + ["critical"] * 7)
    assert decide(by_chance, champion).passed


def test_a_label_is_not_found_well_by_saying_it_of_everything() -> None:
    everything = say(["high"] * 100)
    verdict = decide(say(["low"] * 60 + ["low"] * 10 + ["high"] * 20 + ["high"] * 10), everything)
    assert verdict.passed
    assert (
        "it finds 66.7%, the model in use 100.0%" in {check.name: check.says for check in verdict.checks}["label:high"]
    )


def test_where_neither_is_sure_nothing_is_weighed() -> None:
    said = {check.name: check.says for check in decide(say(TRUTH), say(TRUTH)).checks}
    assert said["worth"] == "Neither it nor the model in use is sure about any of the items."


def test_a_floor_holds_as_far_as_the_model_in_use_reaches_it() -> None:
    floors = Demands(floors={"critical": 0.5})
    four, three = (say(TRUTH[:90] + ["critical"] * found + ["high"] * (10 - found)) for found in (4, 3))
    assert list_failed(decide(four, demands=floors)) == ["label:critical"]
    assert list_failed(decide(four, say(TRUTH), floors)) == ["label:critical", "label:high"]
    assert decide(four, three, floors).passed
    assert decide(four, four, floors).passed


def test_labels_with_few_items_are_not_looked_at_by_themselves() -> None:
    names = [check.name for check in decide(say(TRUTH), demands=Demands(least_of_label=31)).checks]
    assert [name for name in names if name.startswith("label:")] == ["label:low"]


def test_figures_of_answers() -> None:
    found = measure(np.array(["a", "a", "b", "b"]), say(["a", "b", "b", ""], sure=[True, True, False, False]))
    assert (found.accuracy, found.coverage, found.precision) == (0.5, 0.5, 0.5)
    assert found.worth == pytest.approx(-0.1875)
    assert found.recalls == {"a": 0.5, "b": 0.5}
    low, high = found.accuracy_interval
    assert 0 < low < 0.5 < high < 1
    silent = measure(np.array(["a"]), say(["a"]))
    assert (silent.precision, silent.precision_interval, silent.worth) == (None, None, 0.0)
