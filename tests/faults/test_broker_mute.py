"""A RabbitMQ that holds its connections open and says nothing: the beat waits a bounded time and goes on."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from kombu.exceptions import OperationalError as BrokerError
from structlog.testing import capture_logs

from bugflow.core.database import Database
from bugflow.core.jobs.celery_runner import BROKER_TIMEOUT_SECONDS, CeleryBeat, build_celery
from bugflow.core.jobs.events import announce
from factories.jobs import REGISTRY, Rang
from factories.runners import BROKERS, delete_queue, wait_until

BOUND_SECONDS = BROKER_TIMEOUT_SECONDS * 3
"""Connecting, publishing and closing each wait once."""


class Mutable:
    """A TCP server before the broker, which passes everything on unless it is mute; then it takes and gives nothing."""

    def __init__(self, broker: str) -> None:
        address = urlsplit(broker)
        self._broker = (address.hostname or "127.0.0.1", address.port or 5672)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"amqp://{address.username}:{address.password}@127.0.0.1:{self._listening.getsockname()[1]}//"
        self.mute = False
        self._ended = False
        self._open: list[socket.socket] = [self._listening]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ended = True
        self._thread.join(5)
        for each in self._open:
            each.close()

    def _run(self) -> None:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._listening, selectors.EVENT_READ)
            while not self._ended:
                if self.mute:
                    time.sleep(0.02)  # The system goes on accepting; nobody reads.
                    continue
                for key, _ in waiting.select(0.05):
                    if key.data is None:
                        self._connect(waiting)
                    else:
                        self._pass_on(waiting, key)

    def _connect(self, waiting: selectors.BaseSelector) -> None:
        client, _ = self._listening.accept()
        broker = socket.create_connection(self._broker)
        self._open += [client, broker]
        waiting.register(client, selectors.EVENT_READ, broker)
        waiting.register(broker, selectors.EVENT_READ, client)

    def _pass_on(self, waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
        source, target = key.fileobj, key.data
        assert isinstance(source, socket.socket)
        with suppress(OSError):
            data = source.recv(65536)
            if data:
                target.sendall(data)
                return
        for each in (source, target):
            with suppress(KeyError, ValueError):
                waiting.unregister(each)
            each.close()


@pytest.fixture
def broker() -> Iterator[Mutable]:
    server = Mutable(BROKERS["rabbitmq"])
    yield server
    server.close()
    delete_queue(BROKERS["rabbitmq"], "bugflow_mute")


def announce_ring(database: Database, name: str) -> None:
    with database.transaction() as session:
        announce(session, Rang(name_rung=name))


def test_a_beat_does_not_wait_for_a_broker_that_never_answers(database: Database, broker: Mutable) -> None:
    broker.mute = True
    announce_ring(database, "meanwhile")
    with build_celery(broker.url, queue="bugflow_mute") as app:
        beat = CeleryBeat(app, database, REGISTRY)
        started = time.monotonic()
        with pytest.raises(BrokerError):
            beat.work_once()
        assert time.monotonic() - started < BOUND_SECONDS
        broker.mute = False
        assert beat.work_once()


def test_a_beat_does_not_wait_for_a_broker_that_falls_silent(database: Database, broker: Mutable) -> None:
    with build_celery(broker.url, queue="bugflow_mute") as app:
        beat = CeleryBeat(app, database, REGISTRY)
        announce_ring(database, "before")
        assert beat.work_once()
        broker.mute = True
        announce_ring(database, "meanwhile")
        started = time.monotonic()
        with pytest.raises(BrokerError, match="did not answer within 3 seconds"):
            beat.work_once()
        assert time.monotonic() - started < BOUND_SECONDS
        broker.mute = False
        assert beat.work_once()  # It is not left for the next minute: what was not sent is noted so.


def test_a_silent_broker_is_logged_once_and_once_more_when_it_is_back(database: Database, broker: Mutable) -> None:
    broker.mute = True
    announce_ring(database, "meanwhile")
    stop = threading.Event()
    with capture_logs() as lines, build_celery(broker.url, queue="bugflow_mute") as app:
        beat = CeleryBeat(app, database, REGISTRY, poll_seconds=0.05)
        thread = threading.Thread(target=beat.run_until, args=(stop,))
        thread.start()
        time.sleep(BROKER_TIMEOUT_SECONDS * 3)
        broker.mute = False
        wait_until(lambda: "job_beat_broker_back" in [each["event"] for each in lines])
        stop.set()
        thread.join(BOUND_SECONDS)
    assert not thread.is_alive()
    said = [each["event"] for each in lines if each["event"].startswith("job_beat_broker")]
    assert said == ["job_beat_broker_away", "job_beat_broker_back"]
