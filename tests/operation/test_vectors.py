"""Vectors in PostgreSQL are no part of a backup, and the doctor says where they are searched."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, delete, make_url, text

from bugflow.assist.duplicates.profiling import profile_backlog
from bugflow.assist.duplicates.vector_filling import KeptVectors, keep_vectors
from bugflow.assist.duplicates.vector_search import find_vectors
from bugflow.assist.duplicates.vector_tables import has_tables
from bugflow.core.database import Database, open_database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.storage.memory import MemoryStorage
from bugflow.migrations import require_current_schema, upgrade_schema
from bugflow.migrations.tables import METADATA
from bugflow.operation.backup.restoring import restore_backup
from bugflow.operation.backup.writing import write_backup
from bugflow.operation.doctor import vectors
from bugflow.operation.doctor.examination import Examination
from bugflow.operation.doctor.findings import Finding, Level
from factories.encoders import BagEncoder
from factories.settings import build_settings
from factories.workplace import build_workplace

ENCODER = BagEncoder()


@pytest.fixture
def filled(vector_database: Database) -> Database:
    """A database with issues whose vectors it searches."""
    with vector_database.transaction() as session:
        build_workplace(session, [f"The export of sheet {number} fails" for number in range(4)])
    profile_backlog(vector_database, ENCODER)
    keep_vectors(vector_database, ENCODER.name)
    return vector_database


def address(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def examine(database: Database, home: Path, **settings: Any) -> Finding:  # noqa: ANN401 -- Any setting.
    used = build_settings(home, **({"duplicates": True, "database_url": address(database)} | settings))
    found = [each for _, each in Examination(used, JobRegistry(), {}).run(("contents",)) if each.subject == "vectors"]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_has_no_vectors_and_they_are_made_again_where_the_database_can(
    filled: Database, vector_server: str, tmp_path: Path, kind: str
) -> None:
    manifest = write_backup(filled, MemoryStorage(), tmp_path / "flow.backup")
    assert set(manifest.tables) == {each.name for each in METADATA.sorted_tables}
    empty = f"sqlite:///{tmp_path / 'restored.db'}"
    if kind == "postgresql":
        url = make_url(vector_server).set(database=f"restored_{uuid4().hex}")
        engine = create_engine(vector_server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{url.database}"'))
        engine.dispose()
        empty = url.render_as_string(hide_password=False)
    restore_backup(tmp_path / "flow.backup", empty, MemoryStorage())
    restored = open_database(empty)
    require_current_schema(restored)
    kept = keep_vectors(restored, ENCODER.name)
    with restored.snapshot() as session:
        assert (find_vectors(session, ENCODER.name) is not None) == (kind == "postgresql")
    assert kept == (KeptVectors(4) if kind == "postgresql" else None)
    restored.dispose()


def test_a_database_that_lost_its_issues_may_be_restored_into_though_it_has_the_tables(
    filled: Database, tmp_path: Path
) -> None:
    write_backup(filled, MemoryStorage(), tmp_path / "flow.backup")
    with filled.transaction() as session:
        session.execute(text("SET session_replication_role = replica"))  # Without the guards.
        for table in reversed(METADATA.sorted_tables):
            session.execute(delete(table))
        session.execute(text("SET session_replication_role = origin"))
        assert has_tables(session)
    restore_backup(tmp_path / "flow.backup", address(filled), MemoryStorage())
    assert keep_vectors(filled, ENCODER.name, whole=True) is not None
    with filled.snapshot() as session:
        assert find_vectors(session, ENCODER.name) is not None
        assert session.scalar(text("SELECT count(*) FROM issue_vectors JOIN issues ON issues.id = issue_id")) == 4


@pytest.mark.filterwarnings("ignore:Did not recognize type 'halfvec'")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_schema_is_current_with_and_without_vectors_and_may_be_upgraded(filled: Database) -> None:
    require_current_schema(filled)
    upgrade_schema(filled)
    ours = {"issue_vectors", "vector_encoders"}

    def include(name: str | None, kind: str, _parents: object) -> bool:
        return not (kind == "table" and name is not None and (name in ours or name.startswith("issue_text")))

    with filled.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": include})
        assert compare_metadata(context, METADATA) == []


def test_the_doctor_says_that_the_database_searches_them(filled: Database, tmp_path: Path) -> None:
    found = examine(filled, tmp_path)
    assert (found.level, found.found) == (Level.OK, "the database searches those of bag")


def test_the_doctor_says_that_they_are_not_there_yet(vector_database: Database, tmp_path: Path) -> None:
    found = examine(vector_database, tmp_path)
    assert (found.level, found.found) == (Level.INFORMATION, "none are in the database yet")
    with vector_database.transaction() as session:
        workplace = build_workplace(session)
        workplace.report(session, title="One")
    profile_backlog(vector_database, ENCODER)
    keep_vectors(vector_database, ENCODER.name)
    with vector_database.transaction() as session:
        session.execute(text("UPDATE vector_encoders SET filled_at = NULL"))
    assert examine(vector_database, tmp_path).found == "not all of them are in the database yet"


def test_the_doctor_says_why_they_are_in_memory(
    vector_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forced = examine(vector_database, tmp_path, duplicates_vectors="memory")
    assert (forced.level, "BUGFLOW_DUPLICATES_VECTORS" in forced.found) == (Level.INFORMATION, True)
    monkeypatch.setattr(vectors, "may_create", lambda _: False)
    refused = examine(vector_database, tmp_path)
    assert refused.level is Level.WARNING
    assert "CREATE EXTENSION vector" in refused.advice
    monkeypatch.setattr(vectors, "find_problem", lambda _: "there is no pgvector")
    assert "there is no pgvector" in examine(vector_database, tmp_path).found


def test_on_sqlite_the_doctor_has_nothing_to_say_about_vectors(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'bugflow.db'}")
    upgrade_schema(database)
    used = build_settings(tmp_path, duplicates=True, database_url=address(database))
    subjects = [each.subject for _, each in Examination(used, JobRegistry(), {}).run(("contents",))]
    assert subjects
    assert "vectors" not in subjects
    database.dispose()
