"""Runners without a broker: a loop for quick jobs, one for long jobs, and one that runs what is pending, for tests."""

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.execution import run_next
from bugflow.core.jobs.lanes import Lane
from bugflow.core.jobs.long_process import LongProcess
from bugflow.core.jobs.queue import Work, dispatch_events, find_work, forget_history, release_dead, schedule_ticks
from bugflow.core.jobs.stopping import Stop

log = structlog.get_logger()

HOUSEKEEPING = timedelta(hours=1)
TICKING = timedelta(seconds=20)
TENDING = timedelta(seconds=2)


def name_runner() -> str:
    """Return a name that no other runner has."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{os.urandom(4).hex()}"


class Housekeeping:
    """What every runner does beside running: events become runs, ticks are queued, the dead are released."""

    def __init__(self, database: Database, registry: JobRegistry, *, history_days: int) -> None:
        self._database = database
        self._registry = registry
        self._history_days = history_days
        self._long_jobs = registry.list_long()
        self._tended_at = self._ticked_at = self._cleaned_at = utc_now() - HOUSEKEEPING

    def keep(self, *, resend_before: datetime | None = None) -> Work:
        """Do what is due; return what there was to do, or to send where `resend_before` is given.

        Where a quick run is due already, events wait until none is: then all of them become runs in one transaction.
        """
        now = utc_now()
        if now - self._tended_at >= TENDING:
            self._database.tend()
            self._tended_at = now
        if now - self._ticked_at >= TICKING:
            with self._database.transaction() as session:
                schedule_ticks(session, self._registry, now=now)
            self._ticked_at = now
        if now - self._cleaned_at >= HOUSEKEEPING:
            with self._database.transaction() as session:
                forget_history(session, before=now - timedelta(days=self._history_days))
            self._cleaned_at = now
        with self._database.snapshot() as session:
            work = find_work(session, now=now, long_jobs=self._long_jobs, resend_before=resend_before)
        if work.dead or (work.events and not work.runs):
            with self._database.transaction() as session:
                release_dead(session, now=now)
                dispatch_events(session, self._registry, now=now)
        return work


def repeat_until(stop: Stop, work_once: Callable[[], bool], *, poll_seconds: float) -> None:
    """Work until told to stop, pausing when there is nothing to do. A database that is away is waited for."""
    while not stop.is_set():
        try:
            busy = work_once()
        except SQLAlchemyError as error:
            log.warning("job_runner_database_away", error=str(getattr(error, "orig", None) or error)[:300])
            busy = False
            stop.wait(poll_seconds * 4)
        if not busy:
            stop.wait(poll_seconds)


class EmbeddedRunner:
    """Runs quick jobs one after another in this process, looking for work at an interval, and long ones beside it.

    Without a process for long jobs these are left to others.
    """

    def __init__(
        self,
        database: Database,
        registry: JobRegistry,
        *,
        long_process: LongProcess | None = None,
        poll_seconds: float = 0.5,
        lease_seconds: int = 60,
        history_days: int = 30,
    ) -> None:
        self._database = database
        self._registry = registry
        self._long_process = long_process
        self._poll_seconds = poll_seconds
        self._lease_seconds = lease_seconds
        self._housekeeping = Housekeeping(database, registry, history_days=history_days)
        self._runner = name_runner()

    def run_until(self, stop: Stop) -> None:
        """Work until told to stop; running jobs are finished first."""
        log.info("job_runner_started", runner=self._runner)
        repeat_until(stop, self.work_once, poll_seconds=self._poll_seconds)
        if self._long_process is not None:
            self._long_process.stop()
        log.info("job_runner_stopped", runner=self._runner)

    def work_once(self) -> bool:
        """Dispatch what waits, see to the long jobs and run at most one quick job; return whether there was one."""
        work = self._housekeeping.keep()
        if self._long_process is not None:
            self._long_process.tend(wanted=work.long_runs)
        if not (work.events or work.runs or work.dead):
            return False
        return run_next(
            self._database, self._registry, runner=self._runner, lease_seconds=self._lease_seconds, lane=Lane.QUICK
        )


def run_long_jobs(database: Database, registry: JobRegistry, *, lease_seconds: int, stop: Stop) -> bool:
    """Run long jobs one after another until none is due or it is told to stop, after the running one.

    Returns:
        Whether the database could be asked.
    """
    runner = name_runner()
    log.info("long_jobs_started", runner=runner)
    try:
        while not stop.is_set() and run_next(
            database, registry, runner=runner, lease_seconds=lease_seconds, lane=Lane.LONG
        ):
            pass
    except SQLAlchemyError as error:
        log.warning("job_runner_database_away", error=str(getattr(error, "orig", None) or error)[:300])
        return False
    log.info("long_jobs_ended", runner=runner)
    return True


class MemoryRunner:
    """Runs everything pending at once, inline; what fails waits for its next attempt as anywhere else."""

    def __init__(self, database: Database, registry: JobRegistry) -> None:
        self._database = database
        self._registry = registry
        self._runner = name_runner()

    def run_pending(self) -> int:
        """Dispatch and run until nothing is due; return how many runs that were."""
        count = 0
        while True:
            with self._database.transaction() as session:
                release_dead(session, now=utc_now())
                dispatched = dispatch_events(session, self._registry, now=utc_now())
            if run_next(self._database, self._registry, runner=self._runner, lease_seconds=60):
                count += 1
            elif not dispatched:
                return count
