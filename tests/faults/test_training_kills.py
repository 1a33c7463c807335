"""Trainings killed at any moment: by both kinds of runner they go on, and give one version."""

from pathlib import Path

import pytest

from bugflow.core.database import Database
from bugflow.core.storage import open_storage
from bugflow.mlops.promotion.service import list_changes
from bugflow.mlops.registry.store import find_current, list_versions
from bugflow.mlops.training.jobs import ask_for_training
from bugflow.mlops.training.running import AT_ONCE
from bugflow.mlops.training.service import PERSON
from bugflow.mlops.training.tables import Training
from bugflow.tracker.accounts.actor import build_system_actor
from factories.labelled import report_labelled
from factories.runners import wait_until
from factories.trainings import QUICK
from factories.workers import KINDS, build_environment, choose_runner, run_worker
from factories.workplace import build_workplace

LONG_SECONDS = 150.0


def read(database: Database, number: int) -> Training:
    with database.snapshot() as session:
        return session.get_one(Training, number)


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_whose_processes_are_killed_again_and_again_ends_with_one_version(
    database: Database, database_url: str, tmp_path: Path, kind: str
) -> None:
    home = tmp_path / "home"
    with database.transaction() as session:
        workplace = build_workplace(session)
    report_labelled(database, workplace, 300, seed=1)
    with database.transaction() as session:
        actor, options = build_system_actor("cli"), {**QUICK, "then": AT_ONCE}
        now = workplace.tick()
        number = ask_for_training(
            session, "severity", trigger=PERSON, reason="To be killed.", actor=actor, now=now, options=options
        ).id
    report_labelled(database, workplace, 20, seed=2)  # Later than the order.
    with choose_runner(kind) as settings:
        environment = build_environment(database_url, home, settings)
        for step in ("ordered", "prepared"):
            with run_worker(environment):
                wait_until(lambda step=step: has_come(read(database, number), step), LONG_SECONDS)  # type: ignore[misc]
        with run_worker(environment):
            wait_until(lambda: read(database, number).finished_at is not None, LONG_SECONDS)
    training, storage = read(database, number), open_storage((home / "files").as_uri())
    assert (training.state, training.then, training.n_labelled) == ("succeeded", "used", 300)
    assert training.log.count("It goes on after step") >= 1
    [version] = list_versions(storage, "severity")
    assert (version.name, find_current(storage, "severity")) == (training.version, version)
    with database.snapshot() as session:
        assert [change.version for change in list_changes(session, "severity")] == [version.name]


def has_come(training: Training, step: str) -> bool:
    """Whether a training has begun, or come further than a step."""
    return (training.state == "running" and (step == "ordered" or training.step != "ordered")) or bool(
        training.finished_at
    )
