"""One suite for every runner: in memory, embedded, Celery on Redis and on RabbitMQ."""

import shutil
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, select, text, update

from bugflow.core.clock import utc_now
from bugflow.core.database import Database, open_database
from bugflow.core.jobs.celery_runner import RUN_TASK, build_celery
from bugflow.core.jobs.events import announce
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.tables import JobRun
from factories.jobs import Failed, Rang, die_once, take_long, wait_for_file, write_by_hand
from factories.runners import BROKERS, Runner, pending, run_runner, run_worker, wait_until
from factories.settings import server_url

KINDS = ["memory", "embedded", "redis", "rabbitmq"]


@pytest.fixture(scope="module", params=KINDS)
def started(
    request: pytest.FixtureRequest, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Runner]:
    """A runner of each kind on a database of its own; starting one for every test would take minutes."""
    name = f"bugflow_test_{uuid4().hex}"
    template, server = make_url(template_database), server_url()
    if server is None:
        address = f"sqlite:///{tmp_path_factory.mktemp('runner') / 'bugflow.db'}"
        shutil.copyfile(str(template.database), str(make_url(address).database))
    else:
        execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{template.database}"')
        address = template.set(database=name).render_as_string(hide_password=False)
    database = open_database(address, pool_size=5)
    add_old_run(database)
    with run_runner(request.param, database, address, name) as runner:
        yield runner
    database.dispose()
    if server is not None:
        execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def execute(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def add_old_run(database: Database) -> None:
    with database.transaction() as session:
        old = enqueue(session, write_by_hand, now=utc_now(), name_rung="old")
        old.state, old.finished_at = "succeeded", utc_now() - timedelta(days=31)


@pytest.fixture
def runner(started: Runner) -> Iterator[Runner]:
    if started.kind != "memory":  # It has no history of its own to forget: it does not stay.
        wait_until(lambda: traces_of_the_old(started.database) == 0)
    started.empty()
    yield started
    started.settle()


def traces_of_the_old(database: Database) -> int:
    with database.snapshot() as session:
        limit = utc_now() - timedelta(days=30)
        return len(session.scalars(select(JobRun.id).where(JobRun.finished_at < limit)).all())


def written(database: Database) -> list[str]:
    with database.snapshot() as session:
        return list(session.scalars(text("SELECT name FROM severities ORDER BY name")))


def only_run(database: Database) -> JobRun:
    with database.snapshot() as session:
        return session.scalars(select(JobRun)).one()


def make_due(database: Database) -> None:
    with database.transaction() as session:
        session.execute(update(JobRun).where(JobRun.state == "queued").values(due_at=utc_now()))


def test_an_event_starts_its_job_once(runner: Runner) -> None:
    with runner.database.transaction() as session:
        for number in range(10):
            announce(session, Rang(name_rung=f"s{number}"))
    runner.settle()
    assert written(runner.database) == [f"s{number}" for number in range(10)]
    with runner.database.snapshot() as session:
        runs = session.scalars(select(JobRun)).all()
    assert [(run.state, run.progress, run.attempts) for run in runs] == [("succeeded", 1.0, 1)] * 10


def test_an_undone_transaction_starts_no_job(runner: Runner) -> None:
    def announce_and_fail() -> None:
        with runner.database.transaction() as session:
            announce(session, Rang(name_rung="undone"))
            enqueue(session, write_by_hand, now=utc_now(), name_rung="undone too")
            raise KeyError

    with pytest.raises(KeyError):
        announce_and_fail()
    with runner.database.transaction() as session:
        announce(session, Rang(name_rung="done"))
    runner.settle()
    assert written(runner.database) == ["done"]


def test_a_failing_job_leaves_nothing_waits_and_gives_up_with_its_reason(runner: Runner) -> None:
    with runner.database.transaction() as session:
        announce(session, Failed(number=7))
    runner.settle()
    waiting = only_run(runner.database)
    assert (waiting.state, waiting.attempts) == ("queued", 1)
    assert waiting.due_at > utc_now() + timedelta(seconds=1)
    make_due(runner.database)
    runner.settle()
    failed = only_run(runner.database)
    assert (failed.state, failed.attempts, failed.error) == ("failed", 2, "ValueError: number 7 is bad")
    assert written(runner.database) == []


def test_a_key_is_queued_once(runner: Runner) -> None:
    for _ in range(2):
        with runner.database.transaction() as session:
            enqueue(session, write_by_hand, now=utc_now(), unique_key="k", name_rung="a")
    runner.settle()
    assert only_run(runner.database).state == "succeeded"


def test_progress_is_seen_from_outside_while_the_job_runs(runner: Runner, tmp_path: Path) -> None:
    with runner.database.transaction() as session:
        enqueue(session, wait_for_file, now=utc_now(), path=str(tmp_path / "go"))
    working = runner.begin()
    wait_until(lambda: only_run(runner.database).progress > 0)
    seen = only_run(runner.database)
    assert (seen.state, seen.progress, seen.progress_note) == ("running", 0.5, "half-way")
    (tmp_path / "go").touch()
    working.join()
    assert (only_run(runner.database).state, only_run(runner.database).progress) == ("succeeded", 1.0)


def test_a_long_job_is_done_as_any_other(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "go").touch()
    with runner.database.transaction() as session:
        enqueue(session, take_long, now=utc_now(), path=str(tmp_path / "go"))
        enqueue(session, write_by_hand, now=utc_now(), name_rung="quick")
    runner.settle()
    assert written(runner.database) == ["quick"]
    with runner.database.snapshot() as session:
        assert session.scalars(select(JobRun.state)).all() == ["succeeded"] * 2


def test_a_job_that_no_longer_exists_fails_with_a_sentence(runner: Runner) -> None:
    with runner.database.transaction() as session:
        run = enqueue(session, write_by_hand, now=utc_now(), name_rung="a")
        run.job = "tracker.gone"
    runner.settle()
    failed = only_run(runner.database)
    assert (failed.state, failed.error) == ("failed", "There is no job tracker.gone in this version of BugFlow.")
    assert failed.attempts == 1


def test_what_a_killed_process_was_doing_is_done_by_the_next_and_once(runner: Runner, tmp_path: Path) -> None:
    marker = tmp_path / "died"
    with runner.database.transaction() as session:
        enqueue(session, die_once, now=utc_now(), marker=str(marker))
    runner.die()
    wait_until(marker.exists)
    assert written(runner.database) == []
    assert only_run(runner.database).state == "running"
    with runner.database.transaction() as session:
        session.execute(update(JobRun).values(lease_until=utc_now() - timedelta(seconds=1)))
    runner.settle()
    assert only_run(runner.database).state == "queued"
    make_due(runner.database)
    runner.settle()
    assert written(runner.database) == ["survived"]
    assert (only_run(runner.database).state, only_run(runner.database).attempts) == ("succeeded", 2)


@pytest.mark.parametrize("kind", ["embedded", *BROKERS])
def test_a_worker_asked_to_end_finishes_its_job_first(
    database: Database, database_url: str, tmp_path: Path, kind: str
) -> None:
    queue = f"bugflow_test_{uuid4().hex}"
    with run_runner(kind, database, database_url, queue) as runner, run_worker(runner) as worker:
        with database.transaction() as session:
            enqueue(session, wait_for_file, now=utc_now(), path=str(tmp_path / "go"))
        wait_until(lambda: only_run(database).progress > 0)
        worker.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert worker.poll() is None
        (tmp_path / "go").touch()
        assert worker.wait(30) == 0
    assert (only_run(database).state, only_run(database).attempts) == ("succeeded", 1)
    assert pending(database) == 0


def test_a_lost_message_and_a_doubled_one_make_no_difference(runner: Runner) -> None:
    with runner.database.transaction() as session:
        run = enqueue(session, write_by_hand, now=utc_now(), name_rung="a")
        run.sent_at = utc_now() - timedelta(seconds=1)  # As if its message had been sent and lost.
        other = enqueue(session, write_by_hand, now=utc_now(), name_rung="b")
    if runner.broker:
        with build_celery(runner.broker, queue=runner.queue) as app:
            for _ in range(3):
                app.send_task(RUN_TASK, args=[other.id])
    runner.settle()
    assert written(runner.database) == ["a", "b"]
