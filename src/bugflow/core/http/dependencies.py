"""What endpoints ask for: a session, the settings, the storage."""

from collections.abc import Iterator
from typing import Annotated, cast

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage


def get_database(request: Request) -> Database:
    """Return the application's database."""
    return cast("Database", request.app.state.database)


def get_settings(request: Request) -> Settings:
    """Return the application's settings."""
    return cast("Settings", request.app.state.settings)


def get_storage(request: Request) -> Storage:
    """Return the application's storage."""
    return cast("Storage", request.app.state.storage)


DatabaseDep = Annotated[Database, Depends(get_database)]
SettingsDep = Annotated[Settings, Depends(get_settings)]
StorageDep = Annotated[Storage, Depends(get_storage)]


def open_transaction(database: DatabaseDep) -> Iterator[Session]:
    """Open the request's one transaction; it is committed before the answer is sent."""
    with database.transaction() as session:
        yield session


def open_snapshot(database: DatabaseDep) -> Iterator[Session]:
    """Open a session that only reads."""
    with database.snapshot() as session:
        yield session


WriteSession = Annotated[Session, Depends(open_transaction, scope="function")]
ReadSession = Annotated[Session, Depends(open_snapshot, scope="function")]
