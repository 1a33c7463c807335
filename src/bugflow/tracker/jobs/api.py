"""Background jobs over HTTP, under /api/v1/jobs."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.pagination import Page, decode_number_cursor, encode_cursor
from bugflow.core.http.routes import Router
from bugflow.core.jobs.queries import get_run, list_runs
from bugflow.core.jobs.queue import retry_run
from bugflow.core.jobs.tables import JobRun
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.roles import Permission

router = Router(prefix="/jobs", tags=["operation"])

NOBODY = 0
"""The number of no user."""


class JobRead(BaseModel):
    """One run of a job. What it was started with is not shown."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID = Field(validation_alias="uuid")
    job: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    progress_note: str
    attempts: int
    max_attempts: int
    due_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None = Field(description="Why the last attempt failed.")


@router.get("")
def read_jobs(
    session: ReadSession,
    actor: ActorDep,
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"] | None = None,
    job: Annotated[str | None, Query(max_length=120, description="The job's whole name.")] = None,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[JobRead]:
    """Read background jobs, newest first: administrators all, others those they started."""
    found = list_runs(
        session,
        state=state,
        job=job,
        owner_id=_owner_for(actor),
        before_id=decode_number_cursor(cursor),
        limit=limit + 1,
    )
    more = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[JobRead.model_validate(run) for run in found[:limit]], next_cursor=more)


@router.get("/{run_id}", response_model=JobRead)
def read_job(run_id: UUID, session: ReadSession, actor: ActorDep) -> JobRun:
    """Read how far a background job is."""
    return get_run(session, run_id, owner_id=_owner_for(actor))


@router.post("/{run_id}/retry", response_model=JobRead)
def retry_job(run_id: UUID, session: WriteSession, actor: ActorDep) -> JobRun:
    """Queue a job again that has failed (administrators)."""
    actor.require(Permission.SEE_JOBS)
    run = get_run(session, run_id)
    retry_run(session, run, now=utc_now())
    return run


def _owner_for(actor: Actor) -> int | None:
    return None if actor.may(Permission.SEE_JOBS) else actor.user_id or NOBODY
