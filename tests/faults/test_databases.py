"""A database that is locked, full or cut off: a clear answer, nothing half stored, and then it goes on."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, make_url, text

from bugflow.core.database import Database, open_database
from bugflow.migrations import upgrade_schema
from factories.app import Installation, run_installation
from factories.server import prepare_people, run_server

BODY = {"project": "WEB", "title": "It stalls", "description": "At full throttle."}

LOCKER = """
import sys
from sqlalchemy import create_engine, make_url, text
url = make_url(sys.argv[1])
engine = create_engine(url, isolation_level="AUTOCOMMIT")
with engine.connect() as connection:
    connection.execute(text("BEGIN IMMEDIATE" if url.get_backend_name() == "sqlite" else "BEGIN"))
    if url.get_backend_name() != "sqlite":
        connection.execute(text("LOCK TABLE issues"))
    print("locked", flush=True)
    sys.stdin.read()
"""


def count_issues(database: Database) -> int:
    with database.snapshot() as session:
        return int(session.scalar(text("SELECT count(*) FROM issues")) or 0)


def test_a_database_locked_too_long_answers_503_and_then_goes_on(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    prepare_people(database_url)
    with (
        run_server(tmp_path / "home", database_url, DATABASE_TIMEOUT_SECONDS="0.5") as server,
        server.client() as client,
        subprocess.Popen(  # noqa: S603 -- Ours.
            [sys.executable, "-c", LOCKER, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as locker,
    ):
        assert locker.stdout is not None
        assert locker.stdin is not None
        assert locker.stdout.readline() == b"locked\n"
        answer = client.post("/api/v1/issues", json=BODY)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "nothing was stored. Try again" in answer.json()["detail"]
        locker.stdin.close()
        locker.wait(10)
        assert count_issues(database) == 0
        assert client.post("/api/v1/issues", json=BODY).status_code == 201
        assert count_issues(database) == 1


def test_a_full_database_answers_507_and_stores_nothing_half(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'full.db'}"  # PostgreSQL's own disk is not for a test to fill.
    make_schema(address)
    with run_installation(address, tmp_path / "home") as installation:
        before = installation.call("tester", "GET", "/api/v1/issues")["items"]
        limit_pages(installation)
        body = BODY | {"description": "x" * 1_000_000}
        problem = installation.refuse("tester", "POST", "/api/v1/issues", 507, json=body)
        assert "disk is full; nothing was stored" in problem["detail"]
        assert installation.call("tester", "GET", "/api/v1/issues")["items"] == before
        with installation.database.snapshot() as session:
            assert session.scalar(text("SELECT count(*) FROM outbox_events WHERE name = 'IssueReported'")) == 0
            assert session.scalars(text("PRAGMA integrity_check")).all() == ["ok"]


def make_schema(address: str) -> None:
    database = open_database(address)
    upgrade_schema(database)
    database.dispose()


def limit_pages(installation: Installation) -> None:
    """Let the file grow by no more than a few pages."""
    engine = installation.database.engine

    def limit(connection: Any, _record: object) -> None:  # noqa: ANN401 -- The driver's connection.
        cursor = connection.cursor()
        [pages] = cursor.execute("PRAGMA page_count").fetchone()
        cursor.execute(f"PRAGMA max_page_count = {pages + 20}")
        cursor.close()

    engine.dispose()
    event.listen(engine, "connect", limit)


@pytest.mark.usefixtures("database")
def test_after_every_connection_was_cut_the_next_request_works(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home") as installation:
        installation.call("tester", "POST", "/api/v1/issues", json=BODY)
        cut_connections(database_url, installation)
        assert len(installation.call("tester", "GET", "/api/v1/issues")["items"]) == 1
        installation.call("tester", "POST", "/api/v1/issues", json=BODY | {"title": "Another"})


def cut_connections(database_url: str, installation: Installation) -> None:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":  # A file has no connections to cut; they are closed under the pool.
        installation.database.engine.dispose()
        return
    engine = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        statement = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = :name")
        assert connection.execute(statement, {"name": url.database}).scalar_one() > 0
    engine.dispose()
