"""What endpoints ask for: a session, the settings, the storage, the rate limiter, the client's address.

What does not wait is `async`, which spares a request the way through a thread.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bugflow.core.database import Database
from bugflow.core.http.rate_limit import RateLimiter
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage


async def get_database(request: Request) -> Database:
    """Return the application's database."""
    return cast("Database", request.app.state.database)


async def get_settings(request: Request) -> Settings:
    """Return the application's settings."""
    return cast("Settings", request.app.state.settings)


async def get_storage(request: Request) -> Storage:
    """Return the application's storage."""
    return cast("Storage", request.app.state.storage)


async def get_limiter(request: Request) -> RateLimiter:
    """Return the application's rate limiter."""
    return cast("RateLimiter", request.app.state.limiter)


async def get_client_address(request: Request) -> str | None:
    """Return the client's network address; behind a trusted proxy, the one it forwards."""
    return request.client.host if request.client else None


DatabaseDep = Annotated[Database, Depends(get_database)]
SettingsDep = Annotated[Settings, Depends(get_settings)]
StorageDep = Annotated[Storage, Depends(get_storage)]
LimiterDep = Annotated[RateLimiter, Depends(get_limiter)]
ClientAddressDep = Annotated[str | None, Depends(get_client_address)]


def open_transaction(database: DatabaseDep) -> Iterator[Session]:
    """Open the request's one transaction; it is committed before the answer is sent."""
    with database.transaction() as session:
        yield session


async def open_snapshot(database: DatabaseDep) -> AsyncIterator[Session]:
    """Open a session that only reads. Opening one waits for nothing, and closing it only for a database elsewhere."""
    session = database.readers()
    try:
        yield session
    finally:
        if database.is_embedded:
            session.close()
        else:
            await run_in_threadpool(session.close)


WriteSession = Annotated[Session, Depends(open_transaction, scope="function")]
ReadSession = Annotated[Session, Depends(open_snapshot, scope="function")]
