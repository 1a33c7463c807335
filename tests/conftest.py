"""A migrated database for every test: SQLite by default, the one named by BUGFLOW_TEST_DATABASE_URL otherwise."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.orm import Session

from bugflow.core.database import Database, open_database
from bugflow.migrations import upgrade_schema
from factories.app import Installation, run_installation
from factories.databases import DatabasePool
from factories.postgresql import run_postgresql
from factories.settings import server_url


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a database, so that `-m database` runs it alone."""
    for item in items:
        if "template_database" in getattr(item, "fixturenames", ()):
            item.add_marker("database")


@pytest.fixture(scope="session")
def template_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a migrated, empty database, made once per test process and copied for each test."""
    server = server_url()
    if server is None:
        address = f"sqlite:///{tmp_path_factory.mktemp('template') / 'template.db'}"
        _migrate(address)
        yield address
        return
    name = f"bugflow_template_{uuid4().hex}"
    _execute(server, f'CREATE DATABASE "{name}"')
    address = make_url(server).set(database=name).render_as_string(hide_password=False)
    _migrate(address)
    yield address
    _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def database_pool(template_database: str) -> Iterator[DatabasePool | None]:
    """PostgreSQL databases that one test after the other is lent; none for SQLite, whose file is copied."""
    server = server_url()
    if server is None:
        yield None
        return
    pool = DatabasePool(server, str(make_url(template_database).database))
    yield pool
    pool.close()


@pytest.fixture
def database_url(template_database: str, database_pool: DatabasePool | None, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    template = make_url(template_database)
    if database_pool is None:
        copy = tmp_path / "bugflow.db"
        shutil.copyfile(str(template.database), copy)
        yield f"sqlite:///{copy}"
        return
    name = database_pool.lend()
    yield template.set(database=name).render_as_string(hide_password=False)
    database_pool.take_back(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database, opened."""
    opened = open_database(database_url, pool_size=5)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def vector_server() -> Iterator[str]:
    """The address of a PostgreSQL that has pgvector, with a migrated template; started once per test process."""
    folder = Path(mkdtemp(prefix="bugflow-"))  # Short, and open to the user that PostgreSQL runs as.
    folder.chmod(0o755)
    try:
        with run_postgresql(folder / "server") as server:
            _execute(server, 'CREATE DATABASE "template"')
            _migrate(make_url(server).set(database="template").render_as_string(hide_password=False))
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def vector_database(vector_server: str) -> Iterator[Database]:
    """A fresh, migrated PostgreSQL database that may have pgvector."""
    name = f"vectors_{uuid4().hex}"
    _execute(vector_server, f'CREATE DATABASE "{name}" TEMPLATE "template"')
    opened = open_database(
        make_url(vector_server).set(database=name).render_as_string(hide_password=False), pool_size=5
    )
    yield opened
    opened.dispose()
    _execute(vector_server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """A session on a fresh database; what a test writes is flushed, not committed."""
    with database.writers() as opened:
        yield opened


def _migrate(address: str) -> None:
    database = open_database(address)
    upgrade_schema(database)
    with database.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    database.dispose()


def _execute(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def installation(database_url: str, tmp_path: Path) -> Iterator[Installation]:
    """A running application with one user of each role and the project WEB."""
    with run_installation(database_url, tmp_path / "home") as running:
        yield running
