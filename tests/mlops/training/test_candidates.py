"""From issues of the database to a candidate that was judged beside the model in use."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from bugflow.core.database import Database
from bugflow.core.storage import open_storage
from bugflow.ml.triage.starter import find_starter
from bugflow.mlops.datasets.errors import TooFewLabelledError
from bugflow.mlops.datasets.tables import GoldSet
from bugflow.mlops.datasets.writing import TORN
from bugflow.mlops.promotion.gate import CANDIDATE, CHAMPION
from bugflow.mlops.registry.store import set_current
from bugflow.mlops.training.candidates import Candidate, make_candidate, prepare_field
from bugflow.mlops.training.contract import Order, Surroundings
from bugflow.mlops.training.keeping import keep_triage
from bugflow.mlops.training.triage import Wishes
from bugflow.tracker.issues.duplicates import link_duplicate
from bugflow.tracker.issues.tables import Issue
from factories.labelled import report_labelled
from factories.workplace import Workplace, build_workplace

WISHES = Wishes(backend="linear", least=10)


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        made = build_workplace(session)
    report_labelled(database, made, 400, seed=1)
    return made


@pytest.fixture
def around(database: Database, tmp_path: Path) -> Surroundings:
    return Surroundings(
        database=database,
        storage=open_storage((tmp_path / "files").as_uri()),
        encoder=None,
        find_starter=lambda _: None,
        cache_folder=tmp_path / "fetched",
    )


def order(now: datetime, *, wishes: Wishes = WISHES) -> Order:
    return Order(target="severity", now=now, wishes=wishes)


def list_failed(found: Candidate) -> Sequence[str]:
    return [check.name for check in found.verdict.checks if not check.passed]


def keep_and_use(around: Surroundings, found: Candidate) -> str:
    version = keep_triage(around.storage, found.model, found.evaluation, now=found.order.now, source="issues", seed=0)
    set_current(around.storage, version, now=found.order.now)
    return version.name


def test_a_first_candidate_is_judged_beside_rules_on_the_newest_fifth(
    workplace: Workplace, around: Surroundings
) -> None:
    told: list[tuple[float, str]] = []
    found = make_candidate(order(workplace.tick()), around, tell=lambda done, note: told.append((done, note)))
    assert found.verdict.n_items == 80
    assert found.champion == "keyword"
    assert list_failed(found) == []
    assert CHAMPION not in found.verdict.figures
    assert found.verdict.figures[CANDIDATE].accuracy > found.verdict.figures["keyword"].accuracy
    assert found.evaluation.n_train + found.evaluation.n_calibration == 320
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (1.0, "Done")


def test_where_what_comes_with_bugflow_lacks_its_encoder_rules_are_in_use(
    workplace: Workplace, around: Surroundings
) -> None:
    found = make_candidate(order(workplace.tick()), replace(around, find_starter=find_starter))
    assert found.champion == "keyword"
    assert CHAMPION not in found.verdict.figures


def test_what_it_learned_from_is_kept_and_says_which_issues_never_teach(
    workplace: Workplace, around: Surroundings, tmp_path: Path
) -> None:
    now = workplace.tick()
    found, again = (make_candidate(order(now), around) for _ in range(2))
    assert (found.dataset, found.data_hash) == (again.dataset, again.data_hash)
    assert found.dataset == f"ml_datasets/global/{now:%Y%m%d_%H%M%S}_{found.data_hash[:12]}"
    frame = pl.read_parquet(tmp_path / "files" / found.dataset / "data.parquet")
    by_part = dict(frame["split"].value_counts().iter_rows())
    assert by_part == {"train": 320, "test": 80}
    oldest_tested = frame.filter(pl.col("split") == "test")["created_at"].min()
    newest_taught = frame.filter(pl.col("split") == "train")["created_at"].max()
    assert isinstance(oldest_tested, datetime)
    assert isinstance(newest_taught, datetime)
    assert oldest_tested > newest_taught


def list_parts(around: Surroundings, now: datetime, folder: Path) -> tuple[dict[str, str], dict[str, int]]:
    """Return the part of each issue in a data set of a moment, and how many were left out by reason."""
    prepare_field(order(now), around, folder, tell=lambda _done, _note: None)
    frame = pl.read_parquet(folder / "data.parquet")
    dropped = json.loads((folder / "dataset.json").read_text("utf-8"))["rows"]["dropped"]
    return dict(frame.select("issue_id", "split").iter_rows()), dropped


def merge(database: Database, workplace: Workplace, newer: str, older: str) -> datetime:
    with database.transaction() as session:
        source, target = (session.scalars(select(Issue).where(Issue.key == key)).one() for key in (newer, older))
        now = workplace.tick()
        link_duplicate(session, source, target, actor=workplace.manager, now=now)
        return now


def test_a_gold_issue_is_tested_on_only_where_no_report_of_its_bug_teaches(
    workplace: Workplace, around: Surroundings, database: Database, tmp_path: Path
) -> None:
    before, _ = list_parts(around, workplace.tick(), tmp_path / "before")
    assert [before[key] for key in ("B-10", "B-330", "B-331", "B-340", "B-341")] == ["train", *["test"] * 4]
    merge(database, workplace, "B-330", "B-10")
    merge(database, workplace, "B-341", "B-340")  # Both gold: a bug of which nothing teaches.
    after, dropped = list_parts(around, workplace.tick(), tmp_path / "after")
    assert dropped == {TORN: 1}
    assert after == {key: part for key, part in before.items() if key != "B-330"}


def test_whatever_a_model_in_use_learned_it_is_judged_on_bugs_that_taught_it_nothing(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    keep_and_use(around, make_candidate(order(workplace.tick()), around))
    merge(database, workplace, "B-330", "B-10")
    found = make_candidate(order(workplace.tick()), around)
    assert found.verdict.n_items == 79
    assert {CANDIDATE, CHAMPION} <= found.verdict.figures.keys()
    assert found.evaluation.n_train + found.evaluation.n_calibration == 320


def test_what_is_merged_later_does_not_change_the_data_of_a_moment(
    workplace: Workplace, around: Surroundings, database: Database, tmp_path: Path
) -> None:
    now = workplace.tick()
    before = list_parts(around, now, tmp_path / "before")
    merge(database, workplace, "B-330", "B-10")
    assert list_parts(around, now, tmp_path / "after") == before


def test_the_gold_set_stays_and_grows_by_a_fifth_of_what_comes(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    make_candidate(order(workplace.tick()), around)
    with database.snapshot() as session:
        [before] = session.scalars(select(GoldSet)).all()
    report_labelled(database, workplace, 400, seed=2)
    found = make_candidate(order(workplace.tick()), around)
    assert 80 + 50 < found.verdict.n_items < 80 + 110
    with database.snapshot() as session:
        [after] = session.scalars(select(GoldSet)).all()
        assert (after.since, after.until) == (before.since, before.until)
    with pytest.raises(DBAPIError, match="append-only"), database.transaction() as session:
        session.execute(text("UPDATE gold_sets SET scope = 'x'"))


def test_it_is_judged_beside_the_model_in_use_on_the_same_items(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    name = keep_and_use(around, make_candidate(order(workplace.tick()), around))
    report_labelled(database, workplace, 200, seed=3)
    found = make_candidate(order(workplace.tick()), around)
    assert found.champion == name
    assert {CANDIDATE, CHAMPION} <= found.verdict.figures.keys()
    assert list_failed(found) == []


def test_what_learned_from_wrong_labels_does_not_pass(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    keep_and_use(around, make_candidate(order(workplace.tick()), around))
    report_labelled(database, workplace, 600, seed=4, flipped=True)
    found = make_candidate(order(workplace.tick()), around)
    assert not found.verdict.passed


def test_nothing_that_came_after_the_moment_teaches(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    now = workplace.tick()
    report_labelled(database, workplace, 100, seed=5)
    found = make_candidate(order(now), around)
    assert found.evaluation.n_train + found.evaluation.n_calibration + found.verdict.n_items == 400


def test_with_too_few_labelled_issues_nothing_is_trained_and_nothing_frozen(
    workplace: Workplace, around: Surroundings, database: Database
) -> None:
    early = workplace.moment - timedelta(minutes=200)
    with pytest.raises(TooFewLabelledError, match="200 issues have a severity"):
        make_candidate(order(early), around)
    with database.snapshot() as session:
        assert session.scalars(select(GoldSet)).all() == []
