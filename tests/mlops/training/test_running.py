"""Trainings as jobs: ordered once, taken up again where they were left, and what becomes of their models."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry, job_of
from bugflow.core.jobs.queries import get_run
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.storage import Storage, open_storage
from bugflow.core.storage.contract import StoredObject
from bugflow.core.storage.file import FileStorage
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.promotion.service import list_changes
from bugflow.mlops.promotion.trials import find_trial
from bugflow.mlops.registry.store import find_challenger, find_current, get_manifest, list_versions
from bugflow.mlops.registry.versions import read_name
from bugflow.mlops.training.errors import TrainingOpenError
from bugflow.mlops.training.jobs import ask_for_training, run_training
from bugflow.mlops.training.queries import find_open, list_trainings
from bugflow.mlops.training.running import AT_ONCE, KEEP, STAGES, TrainingMeans, carry_out
from bugflow.mlops.training.service import PERSON, end_lost
from bugflow.mlops.training.tables import Training
from bugflow.tracker.accounts.actor import MissingPermissionError, build_system_actor
from bugflow.tracker.accounts.roles import Role
from factories.labelled import report_labelled
from factories.trainings import QUICK, FragileTask, Killed, build_means
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        made = build_workplace(session)
    report_labelled(database, made, 300, seed=1)
    return made


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage((tmp_path / "files").as_uri())


@pytest.fixture
def means(storage: Storage, tmp_path: Path) -> TrainingMeans:
    return build_means(storage, tmp_path / "models")


class FragileStorage(FileStorage):
    """Its process is killed when the first file of a model is put."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._dies = True

    def put(self, key: str, stream: BinaryIO, *, max_bytes: int | None = None, overwrite: bool = False) -> StoredObject:
        if key.startswith("ml_models/") and self._dies:
            self._dies = False
            raise Killed
        return super().put(key, stream, max_bytes=max_bytes, overwrite=overwrite)


def order(database: Database, *, now: datetime | None = None, **options: Any) -> int:  # noqa: ANN401 -- Of a training.
    with database.transaction() as session:
        actor = build_system_actor("cli")
        wanted: Mapping[str, Any] = {**QUICK, **options}
        training = ask_for_training(
            session, "severity", trigger=PERSON, reason="Why not?", actor=actor, now=now or utc_now(), options=wanted
        )
        return training.id


def read(database: Database, training_id: int) -> Training:
    with database.snapshot() as session:
        return session.get_one(Training, training_id)


@pytest.mark.usefixtures("workplace")
def test_an_ordered_training_is_carried_out_by_a_job_and_its_model_goes_into_the_shadow(
    database: Database, means: TrainingMeans, storage: Storage
) -> None:
    number = order(database)
    registry = JobRegistry([job_of(run_training)], resources={"training_means": lambda: means})
    MemoryRunner(database, registry).run_pending()
    training = read(database, number)
    assert (training.state, training.passed, training.then) == ("succeeded", True, "shadow")
    assert training.n_labelled == 300
    assert training.outcome is not None
    assert training.outcome.endswith("It is tried in the shadow now, where nobody sees what it says.")
    assert training.log.splitlines()[0].endswith(" Why not?")
    assert find_current(storage, "severity") is None
    challenger = find_challenger(storage, "severity")
    assert challenger is not None
    assert challenger.name == training.version
    assert get_manifest(storage, challenger).data_hash != ""
    with database.snapshot() as session:
        trial = find_trial(session, "severity")
        assert trial is not None
        assert (trial.version, trial.stage, trial.champion) == (training.version, "shadow", None)
        assert training.run_uuid is not None
        assert get_run(session, training.run_uuid).state == "succeeded"
    assert list((means.models_folder / "trainings").iterdir()) == []


@pytest.mark.parametrize("moment", ["before preparing", "prepared", "before learning", "learned"])
def test_a_training_that_was_killed_goes_on_and_gives_one_version_of_the_same_data(
    workplace: Workplace, database: Database, storage: Storage, tmp_path: Path, moment: str
) -> None:
    task = FragileTask(moment)
    means = build_means(storage, tmp_path / "models", others=[task])
    number = order(database, now=workplace.tick(), then=AT_ONCE)
    with pytest.raises(Killed):
        carry_out(database, number, means)
    assert read(database, number).state == "running"
    report_labelled(database, workplace, 20, seed=2)  # Later than the moment of the order: it teaches nothing.
    carry_out(database, number, means)
    training = read(database, number)
    assert (training.state, training.then, training.n_labelled) == ("succeeded", "used", 300)
    assert "It goes on after step" in training.log
    [version] = list_versions(storage, "severity")
    assert version.name == training.version
    assert find_current(storage, "severity") == version
    carry_out(database, number, means)  # Once more changes nothing.
    with database.snapshot() as session:
        assert [change.version for change in list_changes(session, "severity")] == [version.name]


@pytest.mark.usefixtures("workplace")
def test_what_was_learned_is_not_learned_again_after_a_kill(
    database: Database, storage: Storage, tmp_path: Path
) -> None:
    task = FragileTask()
    means = build_means(FragileStorage(tmp_path / "files"), tmp_path / "models", others=[task])
    number = order(database, then=AT_ONCE)
    with pytest.raises(Killed):
        carry_out(database, number, means)
    named = read(database, number).version
    carry_out(database, number, means)
    assert task.calls.count("learned") == 1
    assert [version.name for version in list_versions(storage, "severity")] == [named]


def test_a_task_is_trained_once_at_a_time_and_by_those_who_may(workplace: Workplace, database: Database) -> None:
    order(database)
    with pytest.raises(TrainingOpenError, match="severity is being learned already"):
        order(database)
    actor = workplace.people[Role.DEVELOPER]
    with database.transaction() as session, pytest.raises(MissingPermissionError):
        ask_for_training(session, "team", trigger=PERSON, reason="", actor=actor, now=utc_now())


def test_a_training_with_too_little_to_learn_from_fails_for_good_and_says_why(
    database: Database, means: TrainingMeans
) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
    report_labelled(database, workplace, 40, seed=1)
    number = order(database)
    carry_out(database, number, means)
    training = read(database, number)
    assert training.state == "failed"
    assert training.error is not None
    assert "40 issues have a severity" in training.error
    assert training.open_key is None


def test_a_model_that_failed_its_checks_is_kept_and_not_used(
    workplace: Workplace, database: Database, means: TrainingMeans, storage: Storage
) -> None:
    carry_out(database, order(database, then=AT_ONCE), means)
    first = find_current(storage, "severity")
    report_labelled(database, workplace, 500, seed=3, flipped=True)
    number = order(database, then=STAGES)
    carry_out(database, number, means)
    training = read(database, number)
    assert (training.passed, training.then) == (False, "kept")
    assert training.outcome is not None
    assert training.outcome.startswith("It failed ")
    assert find_current(storage, "severity") == first
    assert find_challenger(storage, "severity") is None


@pytest.mark.usefixtures("workplace")
def test_what_is_only_to_be_kept_is_only_kept(database: Database, means: TrainingMeans, storage: Storage) -> None:
    number = order(database, then=KEEP)
    carry_out(database, number, means)
    assert read(database, number).then == "kept"
    assert find_current(storage, "severity") is None


@pytest.mark.usefixtures("workplace")
def test_a_newer_candidate_takes_the_place_of_the_one_that_is_tried(
    database: Database, means: TrainingMeans, storage: Storage
) -> None:
    first, second = (train_another(database, means, seed) for seed in (1, 2))
    assert find_challenger(storage, "severity") == read_name(second)
    with database.snapshot() as session:
        trial = find_trial(session, "severity")
        assert trial is not None
        assert trial.version == second
    assert first != second


def train_another(database: Database, means: TrainingMeans, seed: int) -> str:
    number = order(database, seed=seed)
    carry_out(database, number, means)
    return read(database, number).version or ""


@pytest.mark.usefixtures("workplace")
def test_without_stages_a_model_that_passed_is_used_at_once(
    database: Database, storage: Storage, tmp_path: Path
) -> None:
    means = build_means(storage, tmp_path / "models", policy=Policy(stages=()))
    number = order(database)
    carry_out(database, number, means)
    assert read(database, number).then == "used"
    assert find_current(storage, "severity") is not None


@pytest.mark.usefixtures("workplace")
def test_a_training_whose_job_has_failed_for_good_ends_with_its_reason(database: Database) -> None:
    number = order(database)
    with database.transaction() as session:
        training = session.get_one(Training, number)
        assert training.run_uuid is not None
        run = get_run(session, training.run_uuid)
        run.state, run.error = "failed", "The storage does not answer."
        end_lost(session, now=utc_now() + timedelta(minutes=1))
    with database.snapshot() as session:
        assert find_open(session, "severity") is None
        [training] = list_trainings(session, task="severity")
        assert (training.state, training.error) == ("failed", "The storage does not answer.")
