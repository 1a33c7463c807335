"""Jobs for tests, and `command` and `main` of the processes that run them."""

import logging
import os
import signal
import sys
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
from bugflow.core.jobs.lanes import Lane
from bugflow.core.jobs.long_process import LongProcess
from bugflow.core.jobs.runners import EmbeddedRunner, MemoryRunner, run_long_jobs
from bugflow.core.jobs.stopping import ProcessStop

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


@job(long=True)
def take_long(database: Database, progress: Progress, path: str) -> None:
    """Be half-way until a file is there, in the long lane, and leave no trace."""
    del database
    progress(0.5, "half-way")
    while not Path(path).exists():
        time.sleep(0.02)


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


REGISTRY = JobRegistry([job_of(each) for each in (write_down, write_by_hand, fail, wait_for_file, take_long, die_once)])


def command(kind: str, *arguments: str) -> list[str]:
    """Return the command of a process that runs these jobs."""
    code = "import sys; from factories.jobs import main; sys.exit(main(*sys.argv[1:]))"
    return [sys.executable, "-c", code, kind, *arguments]


def main(kind: str, address: str, broker: str = "", queue: str = "", lane: str = Lane.ALL) -> int:
    """Run the jobs above until SIGTERM."""
    if kind == "celery-worker":
        return _run_celery_worker(address, broker, queue, Lane(lane))
    stop = ProcessStop()
    stop.listen()
    database = open_database(address)
    if kind == "memory":
        MemoryRunner(database, REGISTRY).run_pending()
    elif kind == "embedded":
        long_process = LongProcess(command("embedded-long", address))
        EmbeddedRunner(database, REGISTRY, long_process=long_process, poll_seconds=POLL_SECONDS).run_until(stop)
    elif kind == "embedded-long":
        run_long_jobs(database, REGISTRY, lease_seconds=60, stop=stop)
    else:
        app = build_celery(broker, queue=queue)
        CeleryBeat(app, database, REGISTRY, poll_seconds=POLL_SECONDS, resend=RESEND).run_until(stop)
    database.dispose()
    return 0


def _run_celery_worker(address: str, broker: str, queue: str, lane: Lane) -> int:
    logging.basicConfig(level=logging.INFO)  # A test that fails shows what the worker saw.
    app = build_celery(broker, queue=queue)
    return run_celery_worker(app, lambda: open_database(address), REGISTRY, lease_seconds=60, concurrency=1, lane=lane)
