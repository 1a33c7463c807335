"""Trying methods on a tracker's past."""

from pathlib import Path

import numpy as np
import pytest

from bugflow.ml.duplicates.evaluating import NOT_FOUND, Evaluation, Trial, evaluate
from bugflow.ml.duplicates.history import History, read_history
from bugflow.ml.duplicates.learning import Options, train_ranker
from bugflow.ml.duplicates.lessons import build_lesson
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.replay import profile_history
from bugflow.ml.duplicates.starter import FOLDER
from factories.encoders import BagEncoder
from factories.trackers import write_tracker

Past = tuple[History, list[Profile]]


def read_past(path: Path, seed: int) -> Past:
    history = read_history(write_tracker(path / f"{seed}.parquet", seed=seed))
    return history, profile_history(history, BagEncoder())


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    return read_past(tmp_path_factory.mktemp("past"), 1)


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    return train_ranker([build_lesson(*read_past(tmp_path_factory.mktemp("seen"), 2), BagEncoder())], Options(20, 20))


@pytest.fixture(scope="module")
def found(past: Past, ranker: Ranker) -> Evaluation:
    return evaluate(*past, ranker)


def test_every_method_is_asked_about_every_duplicate(past: Past, found: Evaluation) -> None:
    assert [trial.method for trial in found.trials] == ["bm25", "encoder", "rep", "ours"]
    assert all(len(trial.ranks) == len(past[0].queries) for trial in found.trials)
    assert found.n_issues == len(past[0])


def test_without_vectors_nothing_is_said_of_the_encoder(past: Past, ranker: Ranker) -> None:
    history, _ = past
    found = evaluate(history, profile_history(history, None), ranker)
    assert [trial.method for trial in found.trials] == ["bm25", "rep", "ours"]
    assert found.to_json()["results"].keys() == {"bm25", "rep", "ours"}


def test_easy_duplicates_are_found_by_every_method(found: Evaluation) -> None:
    recalls = {trial.method: trial.recall(10) for trial in found.trials}
    assert min(recalls["bm25"], recalls["rep"], recalls["ours"]) > 0.9


def test_the_figures_have_the_documented_names(found: Evaluation) -> None:
    content = found.to_json()
    assert {"n_issues", "n_queries", "results", "flag"} <= content.keys()
    wanted = {"recall_at_1", "recall_at_5", "recall_at_10", "recall_at_20", "mrr", "ms_per_query"}
    assert all(wanted <= each.keys() for each in content["results"].values())
    assert {"precision", "recall", "threshold"} <= content["flag"].keys()


def test_recalls_grow_with_the_cut_and_have_intervals_around_them(found: Evaluation) -> None:
    for trial in found.trials:
        shares = [trial.recall(cut) for cut in (1, 5, 10, 20)]
        assert shares == sorted(shares)
        low, high = trial.recall_interval(10)
        assert low <= trial.recall(10) <= high


def test_a_report_that_is_never_found_counts_as_nothing() -> None:
    trial = Trial("ours", np.array([0, 1, NOT_FOUND]), seconds=0)
    assert trial.recall(20) == pytest.approx(2 / 3)
    assert trial.mrr() == pytest.approx((1 + 1 / 2) / 3)


def test_nothing_later_than_a_report_is_looked_at(past: Past, ranker: Ranker, found: Evaluation) -> None:
    """Without the newest third the older duplicates are found at the same places."""
    history, profiles = past
    some = len(history) * 2 // 3
    links = tuple(link for link in history.links if link.newer < some)
    older = History(history.names[:some], history.reports[:some], history.filed[:some], history.clusters[:some], links)
    again = evaluate(older, profiles[:some], ranker)
    for trial, whole in zip(again.trials, found.trials, strict=True):
        assert list(trial.ranks) == list(whole.ranks[: len(trial.ranks)])


def test_the_flag_is_judged_on_reports_that_are_no_duplicates_as_well(past: Past, ranker: Ranker) -> None:
    always = Ranker(ranker.ranking, ranker.judging, ranker.slope, ranker.intercept, threshold=0.0)
    found = evaluate(*past, always)
    share = len(past[0].queries) / len(past[0])
    assert found.flag.precision is not None
    assert found.flag.precision > 0.8
    assert found.flag.lowest_precision == pytest.approx(share * found.flag.precision, rel=0.02)
    never = evaluate(*past, Ranker(ranker.ranking, ranker.judging, threshold=1.1))
    assert (never.flag.precision, never.flag.recall) == (None, 0.0)


def test_the_starter_ranker_loads_and_beats_bm25_on_a_tracker_it_has_not_seen(past: Past) -> None:
    found = evaluate(*past, Ranker.load(FOLDER))
    recalls = {trial.method: trial.recall(1) for trial in found.trials}
    assert recalls["ours"] >= recalls["bm25"] - 0.05
