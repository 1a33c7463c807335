"""What is not the same for every runner: definitions, ticks, history, several runners on one table."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database, open_database
from bugflow.core.errors import (
    BugFlowError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)
from bugflow.core.jobs.definition import JobDefinitionError, JobRegistry, job, job_of
from bugflow.core.jobs.errors import JobNotFailedError
from bugflow.core.jobs.events import announce
from bugflow.core.jobs.execution import FINAL_BY_KIND, Progress
from bugflow.core.jobs.queue import (
    claim_run,
    enqueue,
    fail_run,
    finish_run,
    forget_history,
    release_dead,
    retry_run,
    schedule_ticks,
    take_unsent,
)
from bugflow.core.jobs.runners import Housekeeping, MemoryRunner
from bugflow.core.jobs.tables import JobRun, OutboxEvent
from factories.jobs import REGISTRY, Rang, weekly, write_by_hand
from factories.runners import pending, wait_until

MONDAY = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)


def in_threads(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def only_run(database: Database) -> JobRun:
    with database.snapshot() as session:
        return session.scalars(select(JobRun)).one()


def test_several_runners_never_double_a_job(database: Database) -> None:
    with database.transaction() as session:
        for number in range(30):
            announce(session, Rang(name_rung=f"s{number:02}"))
    in_threads(4, lambda: MemoryRunner(database, REGISTRY).run_pending())
    MemoryRunner(database, REGISTRY).run_pending()
    with database.snapshot() as session:
        written = list(session.scalars(text("SELECT name FROM severities ORDER BY name")))
    assert written == [f"s{number:02}" for number in range(30)]


def test_a_tick_is_made_up_for_within_a_day_and_never_doubled(database: Database) -> None:
    registry = JobRegistry([job_of(weekly)])
    for now in (MONDAY - timedelta(hours=1), MONDAY + timedelta(hours=3), MONDAY + timedelta(hours=4)):
        with database.transaction() as session:
            schedule_ticks(session, registry, now=now)
    assert only_run(database).unique_key == f"{job_of(weekly).name}@{MONDAY.isoformat()}"


def test_runners_that_see_a_tick_at_the_same_time_queue_it_once(database: Database) -> None:
    registry = JobRegistry([job_of(weekly)])
    failures: list[Exception] = []
    together = threading.Barrier(4)

    def tick() -> None:
        together.wait(10)
        try:
            for week in range(10):
                with database.transaction() as session:
                    schedule_ticks(session, registry, now=MONDAY + timedelta(weeks=week, hours=1))
        except Exception as error:  # noqa: BLE001 -- Whatever it is, the test shall say it.
            failures.append(error)

    in_threads(4, tick)
    assert failures == []
    with database.snapshot() as session:
        assert session.scalar(select(func.count()).select_from(JobRun)) == 10


def test_old_history_is_forgotten_and_what_waits_is_kept(database: Database) -> None:
    with database.transaction() as session:
        announce(session, Rang(name_rung="a"))
    MemoryRunner(database, REGISTRY).run_pending()
    with database.transaction() as session:
        announce(session, Rang(name_rung="b"))
        forget_history(session, before=utc_now() + timedelta(days=1))
        assert session.scalar(select(func.count()).select_from(JobRun)) == 0
        assert session.scalar(select(func.count()).select_from(OutboxEvent)) == 1


def test_two_jobs_of_one_name_are_refused() -> None:
    with pytest.raises(JobDefinitionError, match="two jobs"):
        JobRegistry([job_of(weekly), job_of(weekly)])


def test_a_job_declared_wrongly_is_refused_when_it_is_declared() -> None:
    def deaf(session: Session) -> None:
        """Follow an event it does not take."""

    def stuck(session: Session, progress: Progress) -> None:
        """Hold the write lock that its progress waits for."""

    def odd(something: int) -> None:
        """Take neither session nor database."""

    with pytest.raises(JobDefinitionError, match="needs a parameter event"):
        job(on=Rang)(deaf)
    with pytest.raises(JobDefinitionError, match="cannot tell its progress"):
        job()(stuck)
    with pytest.raises(JobDefinitionError, match="session or database"):
        job()(odd)
    with pytest.raises(JobDefinitionError, match="no cron expression"):
        job(schedule="every monday")(deaf)


def test_a_runner_that_lost_its_lease_changes_nothing_more(database: Database) -> None:
    now = utc_now()
    with database.transaction() as session:
        enqueue(session, write_by_hand, now=now, name_rung="a")
        run = claim_run(session, runner="slow", now=now, lease_seconds=60)
        assert run is not None
        release_dead(session, now=now + timedelta(seconds=61))
        claim_run(session, runner="next", now=now + timedelta(hours=1), lease_seconds=60)
        fail_run(session, run.id, runner="slow", error="too late", now=now)
        assert not finish_run(session, run.id, runner="slow", now=now)
    after = only_run(database)
    assert (after.state, after.runner, after.error) == ("running", "next", "Its runner died or lost its lease.")


def test_a_broker_gets_no_more_messages_than_it_has_room_for(database: Database) -> None:
    now = utc_now()
    with database.transaction() as session:
        runs = [enqueue(session, write_by_hand, now=now, name_rung=f"s{number}").id for number in range(5)]
        early = now - timedelta(seconds=60)
        assert take_unsent(session, now=now, resend_before=early, limit=3) == runs[:3]
        assert take_unsent(session, now=now, resend_before=early, limit=3) == []
        later = now + timedelta(seconds=61)
        assert take_unsent(session, now=later, resend_before=now + timedelta(seconds=1), limit=9) == runs


def test_only_a_failed_job_is_queued_again(database: Database) -> None:
    now = utc_now()
    with database.transaction() as session:
        run = enqueue(session, write_by_hand, now=now, name_rung="a")
        with pytest.raises(JobNotFailedError, match="is queued"):
            retry_run(session, run, now=now)
        claim_run(session, runner="r", now=now, lease_seconds=60)
        fail_run(session, run.id, runner="r", error="bad", now=now, final=True)
        retry_run(session, run, now=now)
    MemoryRunner(database, REGISTRY).run_pending()
    assert (only_run(database).state, only_run(database).error) == ("succeeded", None)


def test_the_worker_dispatches_and_ends_on_sigterm(database_url: str, tmp_path: Path) -> None:
    environment = os.environ | {"BUGFLOW_DATABASE_URL": database_url, "BUGFLOW_HOME": str(tmp_path)}
    worker = subprocess.Popen([sys.executable, "-m", "bugflow", "worker"], env=environment)
    opened = open_database(database_url)
    with opened.transaction() as session:
        announce(session, Rang(name_rung="nobody listens"))
    wait_until(lambda: pending(opened) == 0)
    worker.terminate()
    assert worker.wait(30) == 0
    opened.dispose()


class TwistedError(InvalidError):
    """A kind of wrong input."""


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (TwistedError("The file is twisted."), "failed", "The file is twisted."),
        (NotFoundError("It is gone."), "failed", "It is gone."),
        (ForbiddenError("You may not."), "failed", "You may not."),
        (ConflictError("It changed."), "queued", "It changed."),
        (UnavailableError("It is away."), "queued", "It is away."),
        (ValueError("Oops"), "queued", "ValueError: Oops"),
    ],
)
def test_what_trying_again_cannot_help_is_not_tried_again(
    database: Database, error: Exception, state: str, text: str
) -> None:
    @job()
    def go_wrong(session: Session) -> None:
        del session
        raise error

    with database.transaction() as session:
        enqueue(session, go_wrong, now=utc_now())
    MemoryRunner(database, JobRegistry([job_of(go_wrong)])).run_pending()
    run = only_run(database)
    assert (run.state, run.attempts, run.error) == (state, 1, text)


def test_every_kind_of_error_says_whether_a_job_is_tried_again() -> None:
    assert set(FINAL_BY_KIND) == set(BugFlowError.__subclasses__())


def test_a_job_gets_the_resources_of_its_process_that_it_asks_for(database: Database) -> None:
    asked: list[object] = []

    @job()
    def take(session: Session, shelf: object, number: int) -> None:
        del session
        asked.append((shelf, number))

    with database.transaction() as session:
        enqueue(session, take, now=utc_now(), number=3)
    resources = {"shelf": lambda: "a shelf", "unwanted": lambda: asked.append("unwanted")}
    MemoryRunner(database, JobRegistry([job_of(take)], resources=resources)).run_pending()
    assert asked == [("a shelf", 3)]


def test_events_wait_while_a_run_is_due_and_then_become_runs_together(database: Database) -> None:
    housekeeping = Housekeeping(database, REGISTRY, history_days=30)
    with database.transaction() as session:
        enqueue(session, write_by_hand, now=utc_now(), name_rung="first")
        announce(session, Rang(name_rung="second"))
        announce(session, Rang(name_rung="third"))
    assert housekeeping.keep().events
    assert count_runs(database, "write_down") == 0
    with database.transaction() as session:
        for run in session.scalars(select(JobRun)):
            run.state = "succeeded"
    assert housekeeping.keep().events
    assert count_runs(database, "write_down") == 2


def count_runs(database: Database, job_name: str) -> int:
    with database.snapshot() as session:
        return len(session.scalars(select(JobRun).where(JobRun.job.endswith(job_name))).all())
