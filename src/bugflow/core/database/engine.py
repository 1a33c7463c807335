"""Opening the database, and the two ways to use it: a transaction that writes, a snapshot that reads."""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from bugflow.core.errors import InvalidError, UnavailableError

log = structlog.get_logger()

SQLITE_CACHE_KIB, SQLITE_PAGE_BYTES = 65536, 4096
LOG_PAGES_TENDED, LOG_PAGES_AT_MOST = 1_000, 20_000
"""Pages of SQLite's log after which `tend` moves them into the file, and after which a writer itself has to."""
SHORT_WAITS, SHORT_WAIT_SECONDS = 200, (0.0002, 0.0008)


class DatabaseAddressError(InvalidError):
    """The database's address cannot be used."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"BUGFLOW_DATABASE_URL {address!r} cannot be used: {reason}. "
            "Use sqlite:///PATH or postgresql+psycopg://USER@HOST/NAME."
        )


class DatabaseFolderError(UnavailableError):
    """The folder of the embedded database cannot be made."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"The database folder {folder} cannot be made: {reason}. Check BUGFLOW_HOME and its rights.")


@dataclass(frozen=True)
class Database:
    """One engine and its two kinds of session."""

    engine: Engine
    writers: sessionmaker[Session]
    readers: sessionmaker[Session]
    instant_readers: sessionmaker[Session] | None = None
    """For an event loop: they answer at once or raise. None where an answer comes over a network."""

    @property
    def is_embedded(self) -> bool:
        """Whether it is a file of this machine, read and written in this process."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end, or wholly undone by an error.

        On SQLite the write lock is taken at the first statement, so that a reader never turns writer half-way and
        fails on a stale snapshot.
        """
        with self.writers() as session, session.begin():
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """A session that reads one consistent state and cannot write."""
        with self.readers() as session:
            yield session

    def tend(self) -> None:
        """Move what SQLite's log holds into the file once it is long, so that no writer has to wait for that.

        For a background process to call often; it costs a look at the file's size.
        """
        if not self.is_embedded:
            return
        file = Path(f"{self.engine.url.database}-wal")
        if file.exists() and file.stat().st_size > LOG_PAGES_TENDED * SQLITE_PAGE_BYTES:
            connection = self.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
            except sqlite3.Error as error:  # A full disk, for example. Nothing is lost: the log stays as it is.
                log.warning("database_log_not_tended", error=str(error))
            finally:
                connection.close()

    def dispose(self) -> None:
        """Close every connection of this process; one that a thread is using, as soon as that gives it back."""
        engines = [self.engine] if self.instant_readers is None else [self.engine, self.instant_readers.kw["bind"]]
        for engine in engines:
            if not event.contains(engine, "checkin", _close_returned):
                event.listen(engine, "checkin", _close_returned)
            engine.dispose()


def _close_returned(_: object, record: ConnectionPoolEntry) -> None:
    record.invalidate()


def parse_database_url(address: str) -> URL:
    """Return the address in SQLAlchemy's form; plain `postgresql://` means psycopg 3.

    Raises:
        DatabaseAddressError: It is malformed or names another kind of database.
    """
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise DatabaseAddressError(address, "it is not an address") from error
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise DatabaseAddressError(url.render_as_string(), f"{url.drivername} is not supported")
    if url.drivername == "sqlite" and url.database in {None, "", ":memory:"}:
        raise DatabaseAddressError(address, "a database in memory would lose everything")
    return url


def open_database(
    address: str, *, timeout_seconds: float = 10.0, pool_size: int = 20, waits_for_disk: bool = True
) -> Database:
    """Open the database at this address; the folder of an SQLite file is made, its tables are not.

    Without `waits_for_disk` a commit to SQLite is safe from the end of the process at once, and from a power failure
    with the next commit of somebody who waits. For work that is done again where it got lost.

    Raises:
        DatabaseAddressError: The address cannot be used.
        DatabaseFolderError: The folder cannot be made.
    """
    url = parse_database_url(address)
    instant = None
    if url.get_backend_name() == "sqlite":
        engine = _open_sqlite(url, timeout_seconds, pool_size, waits_for_disk=waits_for_disk)
        instant = _make_readers(_open_sqlite(url, 0.0, 1, pool_timeout=0))
    else:
        engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": max(2, round(timeout_seconds)),
                "options": f"-c timezone=UTC -c lock_timeout={round(timeout_seconds * 1000)}",
            },
        )
    return Database(
        engine=engine,
        writers=sessionmaker(engine, expire_on_commit=False),
        readers=_make_readers(engine),
        instant_readers=instant,
    )


def _make_readers(engine: Engine) -> sessionmaker[Session]:
    reading = engine.execution_options(read_only=True, postgresql_readonly=True)
    return sessionmaker(reading, expire_on_commit=False, autoflush=False)


def _open_sqlite(
    url: URL, timeout_seconds: float, pool_size: int, *, pool_timeout: float = 30.0, waits_for_disk: bool = True
) -> Engine:
    folder = Path(str(url.database)).expanduser().parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseFolderError(folder, error.strerror or str(error)) from error
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=pool_timeout,
        connect_args={"timeout": timeout_seconds, "isolation_level": None, "check_same_thread": False},
    )
    synchronous = "FULL" if waits_for_disk else "NORMAL"
    event.listen(engine, "connect", partial(_prepare_sqlite_connection, synchronous=synchronous))
    event.listen(engine, "begin", partial(_begin_sqlite_transaction, patience_ms=round(timeout_seconds * 1000)))
    return engine


def _prepare_sqlite_connection(
    connection: Any,  # noqa: ANN401 -- The driver's connection.
    _record: object,
    *,
    synchronous: str,
) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute(f"PRAGMA synchronous = {synchronous}")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_AT_MOST}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{SQLITE_CACHE_KIB}")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()


def _begin_sqlite_transaction(connection: Connection, *, patience_ms: int) -> None:
    if connection.get_execution_options().get("read_only", False):
        connection.exec_driver_sql("BEGIN DEFERRED")
    elif not _take_write_lock(connection.connection.driver_connection, patience_ms):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _take_write_lock(connection: Any, patience_ms: int) -> bool:  # noqa: ANN401 -- The driver's connection.
    """Begin to write as soon as the one who writes has ended; return whether that came about soon.

    SQLite itself sleeps longer each time it looks, up to 100 ms, though a transaction here takes a few milliseconds.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        for _ in range(SHORT_WAITS):
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    return False
                time.sleep(random.uniform(*SHORT_WAIT_SECONDS))  # noqa: S311 -- Keeps two from waking together.
            else:
                return True
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
    return False
