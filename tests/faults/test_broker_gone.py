"""Redis killed at any moment and started again: requests go on, jobs wait, nothing is lost, nothing stays."""

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import select, text

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.http.rate_limit import RateLimiter, per_minute
from bugflow.core.jobs.celery_runner import (
    BROKER_TIMEOUT_SECONDS,
    RUN_TASK,
    CeleryBeat,
    GiveBackAtTheEnd,
    build_celery,
)
from bugflow.core.jobs.events import announce
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.tables import JobRun
from factories.jobs import REGISTRY, Rang, wait_for_file
from factories.runners import Runner, pending, run_runner, wait_until
from factories.server import children_of, prepare_people, run_server


class OwnRedis:
    """A Redis of the test's own, which keeps nothing when it is killed."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(self._folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 -- Ours.
        wait_until(self.answers)

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)

    def freeze(self) -> None:
        """Have it say nothing more, and keep its connections open."""
        self._send(signal.SIGSTOP)
        if self._process is not None:
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def answers(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def keys(self) -> list[bytes]:
        with redis.Redis(port=self.port) as client:
            return list(client.keys("*"))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    server.start()
    yield server
    server.kill()


def test_requests_go_on_as_fast_while_redis_is_gone(
    database: Database, database_url: str, tmp_path: Path, own_redis: OwnRedis
) -> None:
    prepare_people(database_url)
    body = {"project": "WEB", "title": "It stalls", "description": "At full throttle."}
    with (
        run_server(tmp_path / "home", database_url, BROKER_URL=own_redis.url) as server,
        server.client() as client,
    ):
        assert client.post("/api/v1/issues", json=body).headers["RateLimit-Remaining"] == "99999"
        assert own_redis.keys() != []
        own_redis.kill()
        started = time.monotonic()
        for _ in range(5):
            assert client.post("/api/v1/issues", json=body).status_code == 201
        assert time.monotonic() - started < 5
        assert children_of(server.process.pid) == []  # Jobs are for Celery's workers; the server runs none.
    assert pending(database) == 6


def test_the_rate_limit_counts_alone_without_redis_and_together_again_after(own_redis: OwnRedis) -> None:
    limiter, limit = RateLimiter(own_redis.url), per_minute(5)
    assert limiter.count(limit, "a").remaining == 4
    own_redis.kill()
    assert [limiter.count(limit, "a").remaining for _ in range(2)] == [4, 3]
    own_redis.start()
    limiter._shared_again_at = 0.0
    assert limiter.count(limit, "a").remaining == 4
    assert own_redis.keys() != []


@pytest.fixture
def runner(database: Database, database_url: str, own_redis: OwnRedis) -> Iterator[Runner]:
    """A beat, and a worker that does one job at a time."""
    with run_runner("redis", database, database_url, "bugflow_test", broker=own_redis.url) as running:
        yield running


def test_jobs_announced_while_redis_is_gone_are_done_when_it_is_back(runner: Runner, own_redis: OwnRedis) -> None:
    announce_ring(runner.database, "before")
    runner.settle()
    own_redis.kill()
    announce_ring(runner.database, "while away")
    stay_away(runner)
    own_redis.start()
    runner.settle()
    assert written_once(runner.database) == ["before", "while away"]


def test_a_job_whose_message_is_lost_with_redis_is_done(runner: Runner, own_redis: OwnRedis, tmp_path: Path) -> None:
    begin_waiting(runner, tmp_path)
    announce_ring(runner.database, "sent")
    wait_until(lambda: runner.queue.encode() in own_redis.keys())  # noqa: SIM118 -- Redis' keys, not a mapping's.
    own_redis.kill()
    own_redis.start()
    (tmp_path / "go").touch()
    runner.settle()
    assert written_once(runner.database) == ["sent", "waited"]


@pytest.mark.parametrize("ends", ["before Redis dies", "while Redis is gone", "when Redis is back"])
def test_a_worker_goes_on_whenever_redis_dies_during_its_job(
    runner: Runner, own_redis: OwnRedis, tmp_path: Path, ends: str
) -> None:
    begin_waiting(runner, tmp_path)
    announce_ring(runner.database, "next")
    if ends == "before Redis dies":
        own_redis.freeze()  # The worker may send an acknowledgement, and gets no answer.
        end_waiting(runner, tmp_path)
    own_redis.kill()
    if ends == "while Redis is gone":
        end_waiting(runner, tmp_path)
    stay_away(runner)
    own_redis.start()
    (tmp_path / "go").touch()
    runner.settle()
    assert written_once(runner.database) == ["next", "waited"]


def test_everything_is_done_once_although_redis_dies_again_and_again(runner: Runner, own_redis: OwnRedis) -> None:
    names = [f"s{number:02}" for number in range(30)]
    for first in (0, 10, 20):
        for name in names[first : first + 10]:
            announce_ring(runner.database, name)
        wait_until(lambda: pending(runner.database) < 10)
        own_redis.kill()
        own_redis.start()
    runner.settle()
    assert written_once(runner.database) == names


def test_a_beat_does_not_wait_for_a_redis_that_is_silent(database: Database, own_redis: OwnRedis) -> None:
    with build_celery(own_redis.url, queue="bugflow_test") as app:
        beat = CeleryBeat(app, database, REGISTRY)
        announce_ring(database, "before")
        assert beat.work_once()
        own_redis.freeze()
        announce_ring(database, "meanwhile")
        with pytest.raises(BrokerError):
            beat.work_once()
        own_redis.thaw()
        assert beat.work_once()


def test_a_worker_that_ends_gives_back_what_it_has_not_begun(own_redis: OwnRedis) -> None:
    with holding_a_message(own_redis) as (worker, step):
        assert b"bugflow_test" not in own_redis.keys()  # noqa: SIM118 -- Redis' keys, not a mapping's.
        step.stop(worker)
        worker.connection.close()
    assert b"bugflow_test" in own_redis.keys()  # noqa: SIM118 -- The same.


def test_a_worker_that_has_lost_redis_dumps_no_message_into_a_file(
    own_redis: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dumps").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "dumps"))
    with holding_a_message(own_redis) as (worker, step):
        own_redis.kill()
        worker.connection.collect()
        step.stop(worker)
    assert list((tmp_path / "dumps").iterdir()) == []


@contextmanager
def holding_a_message(own_redis: OwnRedis) -> Iterator[tuple[SimpleNamespace, GiveBackAtTheEnd]]:
    """Be what Celery's consumer is to a step, in the middle of a job."""
    with build_celery(own_redis.url, queue="bugflow_test") as app, app.connection_for_read() as connection:
        app.send_task(RUN_TASK, args=[1])
        consumer = app.amqp.TaskConsumer(connection, on_message=lambda _message: None)
        worker = SimpleNamespace(connection=connection, task_consumer=consumer)
        step = GiveBackAtTheEnd(worker)
        step.start(worker)
        consumer.consume()
        connection.drain_events(timeout=BROKER_TIMEOUT_SECONDS)
        yield worker, step


def begin_waiting(runner: Runner, folder: Path) -> None:
    """Have the only worker be in the middle of a job, which ends when the file `go` is there."""
    with runner.database.transaction() as session:
        enqueue(session, wait_for_file, now=utc_now(), path=str(folder / "go"))
    wait_until(lambda: "running" in states(runner.database))


def end_waiting(runner: Runner, folder: Path) -> None:
    (folder / "go").touch()
    wait_until(lambda: "succeeded" in states(runner.database))


def stay_away(runner: Runner) -> None:
    """Leave Redis away long enough for its loss to be noticed; a job waits meanwhile."""
    time.sleep(1)
    assert pending(runner.database) >= 1


def announce_ring(database: Database, name: str) -> None:
    with database.transaction() as session:
        announce(session, Rang(name_rung=name))


def states(database: Database) -> list[str]:
    with database.snapshot() as session:
        return list(session.scalars(select(JobRun.state)))


def written_once(database: Database) -> list[str]:
    """Return what the jobs wrote; no job was tried twice."""
    with database.snapshot() as session:
        assert set(session.scalars(select(JobRun.attempts))) == {1}
        return list(session.scalars(text("SELECT name FROM severities ORDER BY name")))
