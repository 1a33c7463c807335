"""Jobs for tests, and `main` of the processes that run them."""

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.orm import Session

from bugflow.core.database import Database, open_database
from bugflow.core.jobs.celery_runner import CeleryBeat, build_celery, run_celery_worker
from bugflow.core.jobs.definition import JobRegistry, job, job_of
from bugflow.core.jobs.events import Event
from bugflow.core.jobs.execution import Progress
from bugflow.core.jobs.runners import EmbeddedRunner, MemoryRunner

POLL_SECONDS = 0.05
RESEND = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True)
class Rang(Event):
    name_rung: str


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    number: int = 0


def _write(session: Session, name: str) -> None:
    session.execute(text("INSERT INTO severities (name, rank) VALUES (:name, 1)"), {"name": name})


@job(on=Rang)
def write_down(session: Session, event: Rang) -> None:
    """Leave a trace, which can be left once only."""
    _write(session, event.name_rung)


@job()
def write_by_hand(session: Session, name_rung: str) -> None:
    """Leave a trace."""
    _write(session, name_rung)


@job(on=Failed, max_attempts=2)
def fail(session: Session, event: Failed) -> None:
    """Write something and fail."""
    _write(session, "half")
    raise ValueError(f"number {event.number} is bad")


@job()
def wait_for_file(database: Database, progress: Progress, path: str, seconds: float = 30) -> None:
    """Be half-way until a file is there."""
    progress(0.5, "half-way")
    deadline = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    with database.transaction() as session:
        _write(session, "waited")


@job()
def die_once(session: Session, marker: str) -> None:
    """Kill the own process after writing, the first time."""
    _write(session, "survived")
    if not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)


@job(schedule="0 2 * * 1")
def weekly(session: Session) -> None:
    """Leave a trace every Monday."""
    _write(session, "weekly")


REGISTRY = JobRegistry([job_of(each) for each in (write_down, write_by_hand, fail, wait_for_file, die_once)])


def main(kind: str, address: str, broker: str = "", queue: str = "") -> int:
    """Run the jobs above until SIGTERM."""
    stop = threading.Event()
    if kind == "celery-worker":
        logging.basicConfig(level=logging.INFO)  # A test that fails shows what the worker saw.
        app = build_celery(broker, queue=queue)
        return run_celery_worker(app, lambda: open_database(address), REGISTRY, lease_seconds=60, concurrency=1)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    database = open_database(address)
    if kind == "memory":
        MemoryRunner(database, REGISTRY).run_pending()
    elif kind == "embedded":
        EmbeddedRunner(database, REGISTRY, poll_seconds=POLL_SECONDS).run_until(stop)
    else:
        app = build_celery(broker, queue=queue)
        CeleryBeat(app, database, REGISTRY, poll_seconds=POLL_SECONDS, resend=RESEND).run_until(stop)
    database.dispose()
    return 0
