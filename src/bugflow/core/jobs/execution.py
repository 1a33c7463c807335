"""Running one claimed job: its writes and the note that it is done are one transaction."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import (
    BugFlowError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from bugflow.core.jobs.definition import Job, JobRegistry, build_arguments
from bugflow.core.jobs.lanes import Lane
from bugflow.core.jobs.queue import claim_run, extend_lease, fail_run, finish_run, write_progress
from bugflow.core.jobs.tables import JobRun

log = structlog.get_logger()

FINAL_BY_KIND: dict[type[BugFlowError], bool] = {
    NotFoundError: True,
    ForbiddenError: True,
    InvalidError: True,
    ConflictError: False,
    UnavailableError: False,
}
"""The jobs' table of errors: whether the run has failed for good, or is tried again."""


class LeaseLostError(RuntimeError):
    """The run was given to another runner while this one worked: its writes are undone."""


class Progress:
    """Tells how far a long job is; each call is a short transaction of its own."""

    def __init__(self, database: Database, run_id: int, runner: str) -> None:
        self._database = database
        self._run_id = run_id
        self._runner = runner

    def __call__(self, fraction: float, note: str = "") -> None:
        """Write down the fraction done, from 0 to 1, and what is being done.

        Raises:
            LeaseLostError: Another runner has the job now.
        """
        with self._database.transaction() as session:
            own = write_progress(session, self._run_id, runner=self._runner, fraction=fraction, note=note)
        if not own:
            raise LeaseLostError


def run_next(
    database: Database,
    registry: JobRegistry,
    *,
    runner: str,
    lease_seconds: int,
    lane: Lane = Lane.ALL,
    run_id: int | None = None,
) -> bool:
    """Claim and run the next due job of a lane, or the run named; return whether there was one."""
    jobs = registry.names_in(lane)
    with database.transaction() as session:
        run = claim_run(session, runner=runner, now=utc_now(), lease_seconds=lease_seconds, jobs=jobs, run_id=run_id)
    if run is None:
        return False
    each = registry.find(run.job)
    if each is None:
        error = f"There is no job {run.job} in this version of BugFlow."
        with database.transaction() as session:
            fail_run(session, run.id, runner=runner, error=error, now=utc_now(), final=True)
        return True
    try:
        with _kept_alive(database, run, runner, lease_seconds):
            _run(database, each, run, runner, registry.find_resources(each))
        log.debug("job_succeeded", job=run.job, run=run.id, attempt=run.attempts)
    except LeaseLostError:
        log.warning("job_lease_lost", job=run.job, run=run.id)
    except Exception as error:
        log.warning("job_failed", job=run.job, run=run.id, attempt=run.attempts, exc_info=error)
        with database.transaction() as session:
            fail_run(session, run.id, runner=runner, error=_describe(error), now=utc_now(), final=_is_final(error))
    return True


def _describe(error: Exception) -> str:
    return str(error) if isinstance(error, BugFlowError) else f"{type(error).__name__}: {error}"


def _is_final(error: Exception) -> bool:
    """Whether trying again cannot help; of what is no error of ours nobody knows, so it is tried."""
    return next((final for kind, final in FINAL_BY_KIND.items() if isinstance(error, kind)), False)


def _run(database: Database, each: Job, run: JobRun, runner: str, resources: Mapping[str, Any]) -> None:
    arguments = {**build_arguments(each, run.arguments), **resources}
    if "progress" in each.parameters:
        arguments["progress"] = Progress(database, run.id, runner)
    if each.parameters[0] == "database":
        each.function(database, **arguments)
    with database.transaction() as session:
        if each.parameters[0] != "database":
            each.function(session, **arguments)
        if not finish_run(session, run.id, runner=runner, now=utc_now()):
            raise LeaseLostError


@contextmanager
def _kept_alive(database: Database, run: JobRun, runner: str, lease_seconds: int) -> Iterator[None]:
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(lease_seconds / 3):
            try:
                with database.transaction() as session:
                    until = utc_now() + timedelta(seconds=lease_seconds)
                    extend_lease(session, run.id, runner=runner, until=until)
            except SQLAlchemyError as error:
                # On SQLite the job itself may hold the write lock; then nobody else can claim it either.
                log.debug("job_heartbeat_missed", run=run.id, error=type(error).__name__)

    thread = threading.Thread(target=keep, name=f"lease-{run.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
