"""A new ranking of duplicates follows the one in use where it is no worse, and says why."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.evaluating import NOT_FOUND
from bugflow.ml.duplicates.trying import Tried
from bugflow.mlops.promotion.gate import Demands
from bugflow.mlops.promotion.ranking import RankingVerdict, judge_ranking, measure_ranking
from bugflow.mlops.promotion.report import save_decision, summarise

N = 100


def answer(*, first: int, tenth: int = 0, flagged: int = 0, wrongly: int = 0, alarms: int = 0, count: int = N) -> Tried:
    """Return a method that puts some first, some tenth and does not find the rest; it flags right ones, then others."""
    ranks = np.array([0] * first + [9] * tenth + [NOT_FOUND] * (count - first - tenth), dtype=np.int64)
    said: NDArray[np.bool_] = np.zeros(count, dtype=np.bool_)
    said[:flagged] = True
    said[count - wrongly :] = wrongly > 0
    return Tried(ranks, said, ranks == 0, np.arange(N) < alarms)


def decide(candidate: Tried, champion: Tried, bm25: Tried | None = None) -> RankingVerdict:
    return judge_ranking(candidate, champion, bm25 or answer(first=10, count=len(candidate.ranks)), Demands())


def list_failed(verdict: RankingVerdict) -> list[str]:
    return [check.name for check in verdict.checks if not check.passed]


def test_what_is_as_good_follows() -> None:
    used = answer(first=60, tenth=20, flagged=40, alarms=3)
    assert decide(used, used).passed


def test_on_a_few_duplicates_nothing_is_decided() -> None:
    few = answer(first=20, count=29)
    assert list_failed(decide(few, few)) == ["items"]
    assert list_failed(decide(answer(first=0, count=0), answer(first=0, count=0))) == ["items"]


def test_a_loss_that_is_not_by_chance_fails_and_one_that_may_be_does_not() -> None:
    used = answer(first=60, tenth=40)
    assert list_failed(decide(answer(first=40, tenth=60), used)) == ["mrr"]
    assert decide(answer(first=59, tenth=41), used).passed


def test_at_most_one_point_less_may_be_among_the_first_ten() -> None:
    used = answer(first=60, tenth=20)
    assert decide(answer(first=60, tenth=19), used).passed
    assert list_failed(decide(answer(first=60, tenth=18), used)) == ["recall"]


def test_a_flag_that_is_wrong_too_often_fails_unless_it_hardly_speaks() -> None:
    used = answer(first=60)
    assert list_failed(decide(answer(first=60, flagged=40, wrongly=5), used)) == ["flag"]
    assert decide(answer(first=60, flagged=40, wrongly=4), used).passed
    assert decide(answer(first=60, flagged=4, wrongly=5), used).passed


def test_a_flag_that_is_right_less_often_than_the_one_in_use_fails_beyond_chance() -> None:
    used = answer(first=80, flagged=80)
    assert list_failed(decide(answer(first=80, flagged=80, wrongly=8), used)) == ["flag_in_use", "worth"]
    assert decide(answer(first=80, flagged=80, wrongly=1), used).passed


def test_flags_of_bugs_of_their_own_are_weighed_against_those_that_are_right() -> None:
    used = answer(first=60, flagged=40, alarms=2)
    assert decide(answer(first=60, flagged=40, alarms=4), used).passed
    assert list_failed(decide(answer(first=60, flagged=40, alarms=20), used)) == ["worth"]
    assert decide(answer(first=60, flagged=60, alarms=12), used).passed
    assert list_failed(decide(answer(first=60, flagged=60, alarms=60), used)) == ["worth"]


def test_what_is_below_bm25_fails() -> None:
    used = answer(first=60)
    assert list_failed(decide(used, used, answer(first=61))) == ["bm25"]


def test_figures_have_intervals_around_them() -> None:
    found = measure_ranking(answer(first=50, tenth=20, flagged=30, wrongly=10, alarms=5))
    assert [found.recalls[cut][0] for cut in (1, 5, 10)] == [0.5, 0.5, 0.7]
    for share, (low, high) in (*found.recalls.values(), found.mrr):
        assert low < share < high
    assert found.precision is not None
    assert found.precision[0] == 0.75
    assert (found.n_flagged, found.flag_recall) == (40, 0.3)
    assert found.worth == (30 - 1.75 * (10 + 5)) / 200


def test_people_and_programs_read_the_same(tmp_path: Path) -> None:
    verdict = decide(answer(first=60, tenth=20, flagged=40, wrongly=10), answer(first=60, tenth=20, flagged=40))
    save_decision(verdict, tmp_path, field="duplicates", champion="starter", dataset="ml_datasets/x", data_hash="ab")
    said = (tmp_path / "decision.md").read_text()
    assert said.startswith("# A new model of duplicates: it is not used\n")
    assert "so the model that comes with BugFlow will be used on." in said
    assert "| **failed** | Where it says that it is the same bug, that is so 40 times of 50 (80.0%" in said
    header, line, *rows = said.splitlines()[-5:]
    assert {row.count("|") for row in (line, *rows)} == {header.count("|")}
    assert any(row.startswith("| BM25 | 10.0%") and "| never flags |" in row for row in rows)
    told = json.loads((tmp_path / "decision.json").read_text())
    assert told["figures"]["candidate"]["flag_precision"] == 0.8
    assert told["figures"]["bm25"]["flag_precision"] is None
    assert told["items_by_label"] == {"duplicates": 100, "bugs of their own": 100}
    assert summarise(verdict).startswith("It failed 3 of 7 checks: ")
