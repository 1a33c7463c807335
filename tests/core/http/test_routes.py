"""Requests that work in one thread: when they commit, what an error undoes, and reads that do not wait."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from bugflow.core.database import Database, open_database
from bugflow.core.errors import ConflictError
from bugflow.core.http.dependencies import DatabaseDep, ReadSession, WriteSession, read_briefly
from bugflow.core.http.problems import install_problem_handlers
from bugflow.core.http.routes import Router


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    app, router = FastAPI(), Router()
    app.state.database = open_database(f"sqlite:///{tmp_path / 'routes.db'}")
    with app.state.database.transaction() as session:
        session.execute(text("CREATE TABLE notes (line TEXT)"))

    @router.post("/notes")
    def write(line: str, session: WriteSession) -> dict[str, str]:
        session.execute(text("INSERT INTO notes VALUES (:line)"), {"line": line})
        if line == "refused":
            raise ConflictError(line)
        return {"thread": threading.current_thread().name}

    @router.post("/patient-notes")
    async def write_patiently(line: str, session: WriteSession) -> None:
        session.execute(text("INSERT INTO notes VALUES (:line)"), {"line": line})

    @router.get("/notes")
    def read(session: ReadSession) -> list[str]:
        return list(session.scalars(text("SELECT line FROM notes")))

    @router.get("/brief")
    async def read_at_once(database: DatabaseDep) -> dict[str, str]:
        return {"thread": await read_briefly(database, lambda _: threading.current_thread().name)}

    @router.get("/busy")
    async def read_while_busy(database: DatabaseDep) -> dict[str, str]:
        assert database.instant_readers is not None
        with database.instant_readers() as other:
            other.execute(text("SELECT 1"))
            return {"thread": await read_briefly(database, name_thread)}

    app.include_router(router)
    install_problem_handlers(app)
    with TestClient(app) as client:
        yield client
    app.state.database.dispose()


def name_thread(session: Session) -> str:
    session.execute(text("SELECT 1"))
    return threading.current_thread().name


@pytest.mark.parametrize("path", ["/notes", "/patient-notes"])
def test_what_is_written_is_committed_before_the_answer(client: TestClient, path: str) -> None:
    assert client.post(path, params={"line": "kept"}).status_code == 200
    assert client.get("/notes").json() == ["kept"]


def test_an_error_undoes_what_was_written(client: TestClient) -> None:
    assert client.post("/notes", params={"line": "refused"}).status_code == 409
    assert client.get("/notes").json() == []


def test_an_endpoint_that_waits_has_a_thread_and_a_brief_read_has_none(client: TestClient) -> None:
    waiting = client.post("/notes", params={"line": "kept"}).json()["thread"]
    assert waiting.startswith("AnyIO worker")
    assert not client.get("/brief").json()["thread"].startswith("AnyIO worker")


def test_a_brief_read_waits_in_a_thread_where_no_connection_is_free(client: TestClient) -> None:
    assert client.get("/busy").json()["thread"].startswith("AnyIO worker")


def test_a_request_gives_its_connection_back(client: TestClient) -> None:
    for _ in range(3):
        client.get("/notes")
        client.post("/notes", params={"line": "refused"})
    database: Database = client.app.state.database  # type: ignore[attr-defined]
    assert database.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
