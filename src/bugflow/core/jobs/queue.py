"""The table of jobs as a queue: events become runs, runs are claimed under a lease, finished or tried again."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cronsim import CronSim
from sqlalchemy import ColumnElement, CursorResult, Select, delete, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bugflow.core.jobs.definition import Job, JobRegistry, job_of
from bugflow.core.jobs.errors import JobNotFailedError
from bugflow.core.jobs.lanes import EVERY_JOB, JobNames
from bugflow.core.jobs.tables import JobRun, OutboxEvent

EVENTS_AT_ONCE = 200
CATCH_UP = timedelta(days=1)
"""A tick that was missed is made up for within a day, once."""
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 5.0, 3600.0
LONGEST_ERROR = 4000


def enqueue(
    session: Session,
    function: Callable[..., None],
    *,
    now: datetime,
    due_at: datetime | None = None,
    unique_key: str | None = None,
    owner_id: int | None = None,
    **arguments: Any,  # noqa: ANN401 -- JSON.
) -> JobRun:
    """Queue a job in the caller's transaction; with a `unique_key` that was used, the earlier run is returned.

    The owner is the number of the user who asked for it, and may read how far it is.
    """
    return add_run(
        session, job_of(function), arguments, now=now, due_at=due_at, unique_key=unique_key, owner_id=owner_id
    )


def add_run(
    session: Session,
    each: Job,
    arguments: dict[str, Any],
    *,
    now: datetime,
    due_at: datetime | None = None,
    unique_key: str | None = None,
    owner_id: int | None = None,
) -> JobRun:
    """Add a run to the queue, unless one of this key is there."""
    if unique_key is not None and (present := _find_by_key(session, unique_key)) is not None:
        return present
    run = JobRun(
        job=each.name,
        arguments=arguments,
        max_attempts=each.max_attempts,
        due_at=due_at or now,
        created_at=now,
        unique_key=unique_key,
        owner_id=owner_id,
    )
    if unique_key is None:
        session.add(run)
        session.flush()
        return run
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:  # Another transaction has added it since we looked.
        present = _find_by_key(session, unique_key)
        if present is None:
            raise
        return present
    return run


def is_pending(session: Session, function: Callable[..., None]) -> bool:
    """Whether a run of a job is queued, now or for later, or running."""
    pending = select(JobRun.id).where(
        JobRun.job == job_of(function).name, or_(JobRun.state == "queued", JobRun.state == "running")
    )
    return session.scalar(pending.limit(1)) is not None


def _find_by_key(session: Session, unique_key: str) -> JobRun | None:
    return session.scalars(select(JobRun).where(JobRun.unique_key == unique_key)).first()


@dataclass(frozen=True)
class Work:
    """What waits to be done."""

    events: bool
    """Something has happened that no job knows of yet."""
    runs: bool
    """A run of a quick job is due."""
    long_runs: bool
    """A run of a long job is due."""
    dead: bool
    """A run was left behind by a runner that died."""


def find_work(
    session: Session, *, now: datetime, long_jobs: Collection[str] = (), resend_before: datetime | None = None
) -> Work:
    """Return what waits; with `resend_before` a run that was sent since does not."""
    waiting = select(OutboxEvent.id).where(OutboxEvent.dispatched_at.is_(None))
    due = select(JobRun.id).where(JobRun.state == "queued", JobRun.due_at <= now)
    if resend_before is not None:
        due = due.where(_unsent(resend_before))
    long = JobNames(frozenset(long_jobs))
    quick = JobNames(long.names, others=True)
    dead = select(JobRun.id).where(JobRun.state == "running", JobRun.lease_until < now)

    def is_any(statement: Select[int]) -> bool:
        return session.scalar(statement.limit(1)) is not None

    return Work(
        events=is_any(waiting),
        runs=is_any(due.where(_is_among(quick))),
        long_runs=bool(long_jobs) and is_any(due.where(_is_among(long))),
        dead=is_any(dead),
    )


def _is_among(jobs: JobNames) -> ColumnElement[bool]:
    if jobs.others:
        return JobRun.job.not_in(jobs.names) if jobs.names else true()
    return JobRun.job.in_(jobs.names)


def dispatch_events(session: Session, registry: JobRegistry, *, now: datetime) -> int:
    """Turn waiting events into runs of the jobs that follow them, each exactly once; return how many events."""
    events = session.scalars(
        select(OutboxEvent)
        .where(OutboxEvent.dispatched_at.is_(None))
        .order_by(OutboxEvent.id)
        .limit(EVENTS_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for event in events:
        for each in registry.listening_to(event.name):
            add_run(session, each, event.payload, now=now)
        event.dispatched_at = now
    session.flush()
    return len(events)


def schedule_ticks(session: Session, registry: JobRegistry, *, now: datetime) -> None:
    """Queue the scheduled jobs whose last tick has not been queued; several runners never double a tick."""
    for each in registry:
        if each.schedule is None:
            continue
        tick = next(CronSim(each.schedule, now, reverse=True))
        if now - tick < CATCH_UP:
            add_run(session, each, {}, now=now, unique_key=f"{each.name}@{tick.isoformat()}")


def release_dead(session: Session, *, now: datetime) -> None:
    """Queue again what a runner left behind when it died; what has been tried too often fails."""
    dead = session.scalars(
        select(JobRun).where(JobRun.state == "running", JobRun.lease_until < now).with_for_update(skip_locked=True)
    )
    for run in dead:
        _try_again(run, "Its runner died or lost its lease.", now=now)
    session.flush()


def take_unsent(
    session: Session, *, now: datetime, resend_before: datetime, limit: int, jobs: JobNames = EVERY_JOB
) -> list[int]:
    """Note the due runs as sent, those too whose message seems lost, and return their numbers, the oldest first.

    No more than `limit` messages of these jobs are on their way at once, so that a broker without workers is not
    flooded.
    """
    on_the_way = select(JobRun.id).where(JobRun.state == "queued", JobRun.sent_at >= resend_before, _is_among(jobs))
    room = limit - len(session.scalars(on_the_way.limit(limit)).all())
    runs = session.scalars(
        select(JobRun)
        .where(JobRun.state == "queued", JobRun.due_at <= now, _unsent(resend_before), _is_among(jobs))
        .order_by(JobRun.due_at, JobRun.id)
        .limit(max(0, room))
        .with_for_update(skip_locked=True)
    ).all()
    for run in runs:
        run.sent_at = now
    session.flush()
    return [run.id for run in runs]


def note_unsent(session: Session, run_ids: Sequence[int]) -> None:
    """Note that no message of these runs has left."""
    session.execute(
        update(JobRun)
        .where(JobRun.id.in_(run_ids), JobRun.state == "queued")
        .values(sent_at=None)
        .execution_options(synchronize_session=False)
    )


def _unsent(resend_before: datetime) -> ColumnElement[bool]:
    return or_(JobRun.sent_at.is_(None), JobRun.sent_at < resend_before)


def retry_run(session: Session, run: JobRun, *, now: datetime) -> None:
    """Queue a run again that has failed, as if it had never been tried.

    Raises:
        JobNotFailedError: It has not failed.
    """
    if run.state not in {"failed", "cancelled"}:
        raise JobNotFailedError(run.uuid, run.state)
    run.state, run.attempts, run.progress, run.progress_note = "queued", 0, 0.0, ""
    run.due_at, run.finished_at, run.sent_at, run.runner = now, None, None, None
    session.flush()


def claim_run(
    session: Session,
    *,
    runner: str,
    now: datetime,
    lease_seconds: int,
    jobs: JobNames = EVERY_JOB,
    run_id: int | None = None,
) -> JobRun | None:
    """Take the next due run of these jobs, or the one named, under a lease; return none where there is none to take."""
    statement = select(JobRun).where(JobRun.state == "queued", JobRun.due_at <= now, _is_among(jobs))
    if run_id is not None:
        statement = statement.where(JobRun.id == run_id)
    run = session.scalars(
        statement.order_by(JobRun.due_at, JobRun.id).limit(1).with_for_update(skip_locked=True)
    ).first()
    if run is None:
        return None
    run.state, run.runner, run.started_at = "running", runner, now
    run.attempts += 1
    run.lease_until = now + timedelta(seconds=lease_seconds)
    session.flush()
    return run


def extend_lease(session: Session, run_id: int, *, runner: str, until: datetime) -> bool:
    """Show a sign of life; return whether the run is still this runner's."""
    return _update_own(session, run_id, runner, lease_until=until)


def write_progress(session: Session, run_id: int, *, runner: str, fraction: float, note: str) -> bool:
    """Write down how far a run is, from 0 to 1; return whether it is still this runner's."""
    return _update_own(session, run_id, runner, progress=min(1.0, max(0.0, fraction)), progress_note=note[:200])


def finish_run(session: Session, run_id: int, *, runner: str, now: datetime) -> bool:
    """Note that a run has succeeded; return whether it was still this runner's."""
    return _update_own(
        session, run_id, runner, state="succeeded", progress=1.0, finished_at=now, lease_until=None, error=None
    )


def fail_run(session: Session, run_id: int, *, runner: str, error: str, now: datetime, final: bool = False) -> None:
    """Note that a run has failed: it is tried again, after a while that doubles each time, until its last attempt."""
    own = (JobRun.id == run_id, JobRun.runner == runner, JobRun.state == "running")
    run = session.scalars(select(JobRun).where(*own).with_for_update()).first()
    if run is not None:
        _try_again(run, error, now=now, final=final)
        session.flush()


def _try_again(run: JobRun, error: str, *, now: datetime, final: bool = False) -> None:
    run.error, run.lease_until, run.sent_at = error.replace("\0", "")[:LONGEST_ERROR], None, None
    if final or run.attempts >= run.max_attempts:
        run.state, run.finished_at = "failed", now
    else:
        run.state = "queued"
        delay = min(FIRST_DELAY_SECONDS * 2 ** (run.attempts - 1), LONGEST_DELAY_SECONDS)
        run.due_at = now + timedelta(seconds=delay * random.uniform(0.8, 1.2))  # noqa: S311 -- Spreads load.


def _update_own(session: Session, run_id: int, runner: str, **values: Any) -> bool:  # noqa: ANN401 -- Columns.
    done = session.execute(
        update(JobRun)
        .where(JobRun.id == run_id, JobRun.runner == runner, JobRun.state == "running")
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return isinstance(done, CursorResult) and done.rowcount == 1


def forget_history(session: Session, *, before: datetime) -> None:
    """Delete finished runs and dispatched events that are older."""
    session.execute(
        delete(JobRun).where(
            or_(JobRun.state == "succeeded", JobRun.state == "failed", JobRun.state == "cancelled"),
            JobRun.finished_at < before,
        )
    )
    session.execute(delete(OutboxEvent).where(OutboxEvent.dispatched_at < before))
