"""The work of back-tests over HTTP, in the background."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from bugflow.assist.backtesting.errors import BacktesterInactiveError
from bugflow.assist.backtesting.keeping import keep_result, key_result
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import job
from bugflow.core.jobs.execution import Progress
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.tables import User

LEAST_STEP = 0.01
"""Of the progress, before it is told again: each time is a transaction."""


@job(long=True, max_attempts=2)
def run_requested_backtest(
    database: Database,
    *,
    storage: Storage,
    encoder: Encoder | None,
    settings: Settings,
    progress: Progress,
    project: str,
    backtest: str,
    wish: dict[str, Any],
    user_id: int,
) -> None:
    """Tell a project's past again, as who asked for it may see it, and keep what came of it."""
    from bugflow.assist.backtesting.building import build_surroundings  # noqa: PLC0415 -- Most jobs need none of it.
    from bugflow.assist.backtesting.report import write_markdown  # noqa: PLC0415 -- The same.
    from bugflow.assist.backtesting.service import BACKTEST, read_order, run_backtest  # noqa: PLC0415 -- The same.
    from bugflow.ml.encoder.keeping import VECTORS, KeptVectors  # noqa: PLC0415 -- The same.

    with database.snapshot() as session:
        user = session.get_one(User, user_id)
    if not user.is_active:
        raise BacktesterInactiveError
    kept = None if encoder is None else KeptVectors(encoder, settings.models_folder / VECTORS)
    found = run_backtest(
        read_order(project, wish),
        build_surroundings(settings, database, storage, encoder=kept),
        build_actor(user, origin="job"),
        now=utc_now(),
        tell=_tell_seldom(progress),
    )
    key = key_result(UUID(project), UUID(backtest))
    keep_result(storage, key, report=write_markdown(found), result=BACKTEST.dump_python(found, mode="json"))


def _tell_seldom(progress: Progress) -> Callable[[float, str], None]:
    told = -1.0

    def tell(done: float, note: str) -> None:
        nonlocal told
        if done >= told + LEAST_STEP:
            told = done
            progress(done, note)

    return tell
