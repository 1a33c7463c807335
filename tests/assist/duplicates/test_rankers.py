"""Which ranker a process asks: the version in use, else what comes with BugFlow."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bugflow.assist.duplicates.rankers import (
    MODEL_TYPE,
    STARTER,
    RankerPlace,
    Rankers,
    find_ranker,
    find_tried_ranker,
)
from bugflow.core.storage import Storage, StorageUnavailableError, open_storage
from bugflow.ml.duplicates.ranker import DESCRIPTION
from bugflow.ml.duplicates.starter import FOLDER, WORDS
from bugflow.mlops.registry.choosing import use_none
from bugflow.mlops.registry.store import clear_challenger, publish_model, set_challenger, set_current

NOW = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage((tmp_path / "storage").as_uri())


def publish(storage: Storage, folder: Path = FOLDER, version: str = "1.0.0") -> str:
    made = publish_model(storage, folder, model_type=MODEL_TYPE, version=version, now=NOW)
    set_current(storage, made, now=NOW)
    return made.name


def test_without_a_version_the_starter_is_asked_each_for_its_reports(storage: Storage, tmp_path: Path) -> None:
    rankers = Rankers(lambda: find_ranker(storage, tmp_path / "cache"), WORDS)
    assert (rankers.choose(with_vectors=True), rankers.choose(with_vectors=False)) == (None, None)
    rankers.look()
    assert rankers.name == STARTER.name
    assert rankers.choose(with_vectors=True) is rankers.full is not None
    assert rankers.choose(with_vectors=False) is rankers.by_words is not None
    assert rankers.full.ranker.threshold < 1
    assert (rankers.full.method, rankers.by_words.method) == ("starter", "words")
    assert rankers.by_words.name == f"{STARTER.name}/words"


def test_the_version_in_use_is_taken_over_and_left_again(storage: Storage, tmp_path: Path) -> None:
    rankers = Rankers(lambda: find_ranker(storage, tmp_path / "cache"))
    rankers.look()
    before = rankers.full
    name = publish(storage)
    rankers.look()
    assert rankers.name == name
    assert rankers.full is not before
    assert rankers.full is not None
    assert rankers.full.method == "ranking"
    kept = rankers.full
    rankers.look()
    assert rankers.full is kept
    use_none(storage, MODEL_TYPE)
    rankers.look()
    assert rankers.name == STARTER.name


def test_a_damaged_version_leaves_the_one_before(storage: Storage, tmp_path: Path) -> None:
    rankers = Rankers(lambda: find_ranker(storage, tmp_path / "cache"))
    rankers.look()
    good = rankers.full
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / DESCRIPTION).write_text("{}")
    publish(storage, tmp_path / "bad")
    rankers.look()
    assert (rankers.full, rankers.name) == (good, STARTER.name)


def test_where_the_version_in_use_is_damaged_from_the_start_the_starter_is_asked(tmp_path: Path) -> None:
    (tmp_path / DESCRIPTION).write_text("{}")
    rankers = Rankers(lambda: RankerPlace("damaged", tmp_path), starter=STARTER)
    rankers.look()
    assert rankers.name == STARTER.name
    assert rankers.full is not None


def test_nothing_is_asked_where_nothing_is_to_be_used(storage: Storage, tmp_path: Path) -> None:
    rankers = Rankers(lambda: find_ranker(storage, tmp_path, starter=None))
    rankers.look()
    assert (rankers.name, rankers.full, rankers.by_words) == (None, None, None)


def test_a_folder_that_is_not_there_is_no_ranker(tmp_path: Path) -> None:
    rankers = Rankers(lambda: RankerPlace("gone", tmp_path / "gone"))
    rankers.look()
    assert rankers.full is None


def test_while_the_storage_is_away_a_new_process_asks_what_was_last_in_use_here(
    storage: Storage, tmp_path: Path
) -> None:
    files, cache = tmp_path / "storage", tmp_path / "cache"
    name = publish(storage)
    assert find_ranker(storage, cache) == RankerPlace(name, cache / name)
    files.rename(tmp_path / "away")
    (files / "ml_models" / "duplicates" / "champion.json").mkdir(parents=True)
    assert find_ranker(storage, cache) == RankerPlace(name, cache / name)
    with pytest.raises(StorageUnavailableError):
        find_ranker(storage, tmp_path / "other")


def try_out(storage: Storage, version: str, folder: Path = FOLDER) -> str:
    made = publish_model(storage, folder, model_type=MODEL_TYPE, version=version, now=NOW)
    set_challenger(storage, made, now=NOW)
    return made.name


@pytest.fixture
def trying(storage: Storage, tmp_path: Path) -> Rankers:
    cache = tmp_path / "cache"
    return Rankers(lambda: find_ranker(storage, cache), find_tried=lambda: find_tried_ranker(storage, cache))


def test_the_version_that_is_tried_is_taken_over_replaced_and_let_go(storage: Storage, trying: Rankers) -> None:
    trying.look()
    assert trying.challenger is None
    name = try_out(storage, "1.1.0")
    trying.look()
    found = trying.find_challenger(name)
    assert found is not None
    assert found.method == "ranking"
    trying.look()
    assert trying.find_challenger(name) is found
    newer = try_out(storage, "1.2.0")
    trying.look()
    assert trying.find_challenger(name) is None
    assert trying.find_challenger(newer) is not None
    clear_challenger(storage, MODEL_TYPE)
    trying.look()
    assert trying.challenger is None
    assert trying.name == STARTER.name


def test_a_damaged_version_that_is_tried_changes_nothing(storage: Storage, trying: Rankers, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / DESCRIPTION).write_text("{}")
    name = try_out(storage, "1.1.0", tmp_path / "bad")
    trying.look()
    assert trying.find_challenger(name) is None
    assert trying.name == STARTER.name


def test_while_the_storage_is_away_what_is_tried_stays(storage: Storage, trying: Rankers, tmp_path: Path) -> None:
    name = try_out(storage, "1.1.0")
    trying.look()
    files = tmp_path / "storage"
    files.rename(tmp_path / "away")
    (files / "ml_models" / "duplicates" / "challenger.json").mkdir(parents=True)
    trying.look()
    assert trying.find_challenger(name) is not None
