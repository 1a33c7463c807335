"""Back-tests that people ask for: queued as a job, kept in the storage under `backtests/PROJECT/`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.assist.backtesting.errors import BacktestNotFoundError
from bugflow.assist.backtesting.jobs import run_requested_backtest
from bugflow.assist.backtesting.keeping import key_result, read_result
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.tables import JobRun
from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.mlops.registry.versions import TRIAGE_TYPES, TriageType
from bugflow.tracker.accounts.actor import Actor, require_user_id
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.search.language import parse_query


@dataclass(frozen=True, kw_only=True)
class BacktestWish:
    """What is to be told again."""

    fields: Sequence[TriageType] = TRIAGE_TYPES
    duplicates: bool = True
    last: int = 500
    blocks: int = 5
    query: str = ""


@dataclass(frozen=True, kw_only=True)
class BacktestView:
    """A back-test and how far it is.

    Attributes:
        report: For people, in Markdown; none until it has succeeded.
        result: The same for programs.
    """

    id: UUID
    state: str
    progress: float
    progress_note: str = ""
    error: str | None = None
    report: str | None = None
    result: dict[str, Any] | None = None


def request_backtest(
    session: Session, project: Project, wish: BacktestWish, *, actor: Actor, now: datetime
) -> BacktestView:
    """Queue a back-test of a project; it changes nothing.

    Raises:
        MissingPermissionError: The actor may not manage models.
        QuerySyntaxError: The query cannot be understood.
    """
    actor.require(Permission.MANAGE_MODELS)
    parse_query(wish.query)
    backtest_id = uuid4()
    wanted = asdict(wish) | {"fields": list(wish.fields)}
    run = enqueue(
        session,
        run_requested_backtest,
        now=now,
        unique_key=_key_job(backtest_id),
        owner_id=require_user_id(actor),
        project=str(project.uuid),
        backtest=str(backtest_id),
        wish=wanted,
        user_id=require_user_id(actor),
    )
    session.flush()
    record_audit(
        session, actor, "backtest.requested", subject=("project", str(project.uuid)), now=now, after={"wish": wanted}
    )
    return BacktestView(id=backtest_id, state=run.state, progress=run.progress)


def get_backtest(
    session: Session, storage: Storage, project: Project, backtest_id: UUID, *, viewer: Actor
) -> BacktestView:
    """Return a back-test: what came of it where it is done, else how far it is.

    Raises:
        MissingPermissionError: The viewer may not manage models.
        BacktestNotFoundError: The project has no such back-test.
        StorageUnavailableError: The storage does not answer.
    """
    viewer.require(Permission.MANAGE_MODELS)
    try:
        content = read_result(storage, key_result(project.uuid, backtest_id))
    except ObjectNotFoundError:
        return _view_run(session, project, backtest_id)
    return BacktestView(
        id=backtest_id, state="succeeded", progress=1.0, report=content["report"], result=content["result"]
    )


def _view_run(session: Session, project: Project, backtest_id: UUID) -> BacktestView:
    run = session.scalars(select(JobRun).where(JobRun.unique_key == _key_job(backtest_id))).first()
    if run is None or run.arguments.get("project") != str(project.uuid):
        raise BacktestNotFoundError(backtest_id)
    return BacktestView(
        id=backtest_id,
        state=run.state,
        progress=run.progress,
        progress_note=run.progress_note,
        error=run.error if run.state == "failed" else None,
    )


def _key_job(backtest_id: UUID) -> str:
    return f"backtest:{backtest_id}"
