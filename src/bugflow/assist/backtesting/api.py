"""Back-tests over HTTP, under /api/v1/projects/{project}/backtests."""

from uuid import UUID

from fastapi import status

from bugflow.assist.backtesting.requests import BacktestWish, get_backtest, request_backtest
from bugflow.assist.backtesting.schemas import BacktestCreate, BacktestRead
from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, StorageDep, WriteSession
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.projects.queries import get_project

router = Router(prefix="/projects/{project}/backtests", tags=["models"])


@router.post("", status_code=status.HTTP_202_ACCEPTED)
def start_backtest(project: str, body: BacktestCreate, session: WriteSession, actor: ActorDep) -> BacktestRead:
    """Tell in the background what models would have said of a project's newest issues when filed."""
    wish = BacktestWish(**body.model_dump())
    found = request_backtest(session, get_project(session, actor, project), wish, actor=actor, now=utc_now())
    return BacktestRead.model_validate(found)


@router.get("/{backtest_id}")
def read_backtest(
    project: str, backtest_id: UUID, session: ReadSession, actor: ActorDep, storage: StorageDep
) -> BacktestRead:
    """Read how far a back-test is, and what came of it."""
    found = get_backtest(session, storage, get_project(session, actor, project), backtest_id, viewer=actor)
    return BacktestRead.model_validate(found)
