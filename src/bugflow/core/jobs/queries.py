"""Reading the table of jobs."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.jobs.errors import JobRunNotFoundError
from bugflow.core.jobs.tables import JobRun

STATES = ("queued", "running", "succeeded", "failed", "cancelled")


def list_runs(
    session: Session,
    *,
    state: str | None = None,
    job: str | None = None,
    owner_id: int | None = None,
    before_id: int | None = None,
    limit: int = 50,
) -> Sequence[JobRun]:
    """Return runs, newest first, beginning before the one with this number; what is none does not matter."""
    statement = select(JobRun)
    for column, wanted in ((JobRun.state, state), (JobRun.job, job), (JobRun.owner_id, owner_id)):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if before_id is not None:
        statement = statement.where(JobRun.id < before_id)
    return session.scalars(statement.order_by(JobRun.id.desc()).limit(limit)).all()


def get_run(session: Session, run_id: UUID, *, owner_id: int | None = None) -> JobRun:
    """Return the run of this UUID; with an owner, only one of theirs.

    Raises:
        JobRunNotFoundError: There is none.
    """
    statement = select(JobRun).where(JobRun.uuid == run_id)
    if owner_id is not None:
        statement = statement.where(JobRun.owner_id == owner_id)
    run = session.scalars(statement).first()
    if run is None:
        raise JobRunNotFoundError(run_id)
    return run
