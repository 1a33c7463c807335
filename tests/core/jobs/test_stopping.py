"""Being asked to stop."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from subprocess import PIPE, Popen

import pytest

from bugflow.core.jobs.stopping import SUPERVISOR_VARIABLE, ProcessStop

LONG_SECONDS = 20.0


@pytest.fixture
def stop() -> Iterator[ProcessStop]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    made = ProcessStop()
    made.listen()
    yield made
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops(stop: ProcessStop, number: signal.Signals) -> None:
    assert not stop.is_set()
    assert not stop.wait(0.01)
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    assert stop.is_set()
    assert stop.wait(LONG_SECONDS)


def test_a_signal_ends_the_sleep(stop: ProcessStop) -> None:
    started = time.monotonic()
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    assert stop.wait(LONG_SECONDS)
    assert time.monotonic() - started < LONG_SECONDS / 2
    timer.join()


def test_a_process_stops_when_its_supervisor_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SUPERVISOR_VARIABLE, str(os.getppid()))
    assert not ProcessStop().is_set()
    with Popen([sys.executable, "-c", ""], stdout=PIPE) as ended:
        ended.wait()
    monkeypatch.setenv(SUPERVISOR_VARIABLE, str(ended.pid))
    assert ProcessStop().is_set()
