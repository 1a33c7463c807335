"""What endpoints ask for: a session, the settings, the storage, the rate limiter, the client's address.

What does not wait is `async`, which spares a request the way through a thread. A dependency that every request has
finds the rest by `find_…` instead of depending on it: the framework takes a while for each.
"""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bugflow.core.database import Database
from bugflow.core.http.rate_limit import RateLimiter
from bugflow.core.http.routes import WRITES, finish_work
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage

Answer = TypeVar("Answer")


def find_database(request: Request) -> Database:
    """Return the application's database."""
    return cast("Database", request.app.state.database)


def find_settings(request: Request) -> Settings:
    """Return the application's settings."""
    return cast("Settings", request.app.state.settings)


async def get_database(request: Request) -> Database:
    """Return the application's database."""
    return find_database(request)


async def get_settings(request: Request) -> Settings:
    """Return the application's settings."""
    return find_settings(request)


async def get_storage(request: Request) -> Storage:
    """Return the application's storage."""
    return cast("Storage", request.app.state.storage)


def find_limiter(request: Request) -> RateLimiter:
    """Return the application's rate limiter."""
    return cast("RateLimiter", request.app.state.limiter)


def find_client_address(request: Request) -> str | None:
    """Return the client's network address; behind a trusted proxy, the one it forwards."""
    return request.client.host if request.client else None


async def get_client_address(request: Request) -> str | None:
    """Return the client's network address."""
    return find_client_address(request)


DatabaseDep = Annotated[Database, Depends(get_database)]
SettingsDep = Annotated[Settings, Depends(get_settings)]
StorageDep = Annotated[Storage, Depends(get_storage)]
ClientAddressDep = Annotated[str | None, Depends(get_client_address)]


async def open_transaction(request: Request) -> AsyncIterator[Session]:
    """Open the request's one transaction; it is committed before the answer is sent, by the route where it can."""
    session = find_database(request).writers(info={WRITES: True})
    try:
        yield session
        if session.in_transaction():  # An endpoint without a thread of its own.
            await run_in_threadpool(finish_work, session)
    finally:
        await _close(session)


async def open_snapshot(request: Request) -> AsyncIterator[Session]:
    """Open a session that only reads. Opening one waits for nothing."""
    session = find_database(request).readers()
    try:
        yield session
    finally:
        await _close(session)


async def _close(session: Session) -> None:
    if session.in_transaction():
        await run_in_threadpool(session.close)


async def read_briefly(database: Database, read: Callable[[Session], Answer]) -> Answer:
    """Return what one or two rows say, without a thread where the database can tell at once.

    Elsewhere, and where it is busy, a thread waits for it.
    """
    if database.instant_readers is not None:
        try:
            with database.instant_readers() as session:
                return read(session)
        except (OperationalError, PoolTimeoutError):  # Locked, or no connection is free.
            pass
    return await run_in_threadpool(_read, database, read)


def _read(database: Database, read: Callable[[Session], Answer]) -> Answer:
    with database.snapshot() as session:
        return read(session)


WriteSession = Annotated[Session, Depends(open_transaction, scope="function")]
ReadSession = Annotated[Session, Depends(open_snapshot, scope="function")]
