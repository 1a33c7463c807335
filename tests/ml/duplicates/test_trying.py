"""Rankers are asked about the same reports."""

from dataclasses import replace

import numpy as np
import pytest

from bugflow.ml.duplicates.evaluating import NOT_FOUND, evaluate
from bugflow.ml.duplicates.history import History, read_history
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import profile_history
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.ml.duplicates.trying import Items, Tried, collect_items, try_bm25, try_ranker
from factories.encoders import BagEncoder
from factories.trackers import write_tracker

Past = tuple[History, list[Profile]]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    history = read_history(write_tracker(tmp_path_factory.mktemp("past") / "past.parquet", issues=120))
    return history, profile_history(history, BagEncoder())


@pytest.fixture(scope="module")
def items(past: Past) -> Items:
    alone = [row for row in range(60, 120) if row not in past[0].queries]
    return collect_items(*past, duplicates=past[0].queries, own=alone)


def test_a_ranker_and_bm25_are_as_good_as_an_evaluation_says(past: Past, items: Items) -> None:
    ranker = Ranker.load(FOLDER)
    found = {trial.method: trial.ranks for trial in evaluate(past[0], past[1], ranker).trials}
    assert try_ranker(items, ranker).ranks.tolist() == found["ours"].tolist()
    assert try_bm25(items).ranks.tolist() == found["bm25"].tolist()


def test_the_flag_begins_at_the_threshold(items: Items) -> None:
    ranker = Ranker.load(FOLDER)
    always, never = (try_ranker(items, replace(ranker, threshold=threshold)) for threshold in (0.0, 1.1))
    assert always.flagged.all()
    assert always.alarms.all()
    assert not never.flagged.any()
    assert not never.alarms.any()
    assert len(always.alarms) == len(items.own)
    assert (always.right == (always.ranks == 0)).all()


def test_what_is_no_bug_is_never_flagged(items: Items) -> None:
    tasks = [replace(each, is_bug=False) for each in items.own]
    said = try_ranker(replace(items, own=tasks), replace(Ranker.load(FOLDER), threshold=0.0))
    assert not said.alarms.any()


def test_what_nothing_is_found_for_counts_as_not_found(items: Items) -> None:
    said = try_ranker(Items([None], [], items.bm25[:1]), Ranker.load(FOLDER))
    assert said.ranks.tolist() == [NOT_FOUND]
    assert said.gains.tolist() == [0.0]


def test_gains_are_one_over_the_place() -> None:
    nothing = np.zeros(3, dtype=np.bool_)
    assert Tried(np.array([0, 3, NOT_FOUND]), nothing, nothing, nothing).gains.tolist() == [1.0, 0.25, 0.0]
