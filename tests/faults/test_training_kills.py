"""Trainings killed at any moment: by both kinds of runner they go on, and give one version."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

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
from factories.runners import BROKERS, delete_queue, wait_until
from factories.trainings import QUICK
from factories.workplace import build_workplace

LONG_SECONDS = 150.0


def build_environment(database_url: str, home: Path, broker: Mapping[str, str]) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    settings = {
        "HOME": str(home),
        "SECRET_KEY": "a-secret-of-the-tests-that-is-long-enough",
        "DATABASE_URL": database_url,
        "ENCODER": "nobody/has-this",
        "STARTER_MODELS": "false",
        "JOB_POLL_SECONDS": "0.05",
        "JOB_LEASE_SECONDS": "5",
    }
    return (
        plain | {f"BUGFLOW_{name}": value for name, value in (settings | dict(broker)).items()} | {"C_FORCE_ROOT": "1"}
    )


@contextmanager
def run_worker(environment: Mapping[str, str], *options: str) -> Iterator[int]:
    """Run the product's worker; kill it and all its processes at once at the end."""
    command = [sys.executable, "-m", "bugflow", "worker", *options]
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:  # noqa: S603 -- Ours.
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def read(database: Database, number: int) -> Training:
    with database.snapshot() as session:
        return session.get_one(Training, number)


@pytest.mark.parametrize("kind", ["embedded", "redis"])
def test_a_training_whose_processes_are_killed_again_and_again_ends_with_one_version(
    database: Database, database_url: str, tmp_path: Path, kind: str
) -> None:
    home, queue = tmp_path / "home", f"bugflow_test_{uuid4().hex}"
    broker = {"BROKER_URL": BROKERS[kind], "BROKER_QUEUE": queue} if kind == "redis" else {}
    environment = build_environment(database_url, home, broker)
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
    try:
        for step in ("ordered", "prepared"):
            with run_worker(environment):
                wait_until(lambda step=step: has_come(read(database, number), step), LONG_SECONDS)  # type: ignore[misc]
        with run_worker(environment):
            wait_until(lambda: read(database, number).finished_at is not None, LONG_SECONDS)
    finally:
        if broker:
            delete_queue(broker["BROKER_URL"], queue)
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
