"""Redis killed and started again: requests go on, jobs wait, nothing is lost."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import text

from bugflow.core.database import Database
from bugflow.core.http.rate_limit import RateLimiter, per_minute
from bugflow.core.jobs.events import announce
from factories.jobs import Rang
from factories.runners import BROKERS, pending, run_runner, wait_until
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
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)

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


def test_jobs_announced_while_redis_is_gone_are_done_when_it_is_back(
    database: Database, database_url: str, own_redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BROKERS, "redis", own_redis.url)
    with run_runner("redis", database, database_url, "bugflow_test") as runner:
        announce_ring(database, "before")
        runner.settle()
        # Celery stops listening when Redis dies in the instant between a job's end and its acknowledgement.
        wait_until(lambda: b"unacked" not in own_redis.keys())  # noqa: SIM118 -- Redis' keys, not a mapping's.
        own_redis.kill()
        announce_ring(database, "while away")
        time.sleep(1)
        assert pending(database) == 1
        own_redis.start()
        runner.settle()
    with database.snapshot() as session:
        assert list(session.scalars(text("SELECT name FROM severities ORDER BY name"))) == ["before", "while away"]


def announce_ring(database: Database, name: str) -> None:
    with database.transaction() as session:
        announce(session, Rang(name_rung=name))
