import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from bugflow.core.database import Database, UtcDateTime, open_database, read_reason
from bugflow.core.database.engine import DatabaseAddressError
from factories.locks import hold


@pytest.mark.parametrize("address", ["mysql://localhost/x", "nonsense", "oracle://x", "sqlite://"])
def test_an_address_of_another_database_is_refused_with_the_forms_that_work(address: str) -> None:
    with pytest.raises(DatabaseAddressError, match="sqlite:///PATH or postgresql"):
        open_database(address)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def insert_and_fail() -> None:
        with database.transaction() as session:
            session.execute(text("INSERT INTO severities (name, rank) VALUES ('x', 1)"))
            raise KeyError

    with pytest.raises(KeyError):
        insert_and_fail()
    with database.snapshot() as session:
        assert session.execute(text("SELECT count(*) FROM severities WHERE name = 'x'")).scalar_one() == 0


def test_foreign_keys_are_enforced(database: Database) -> None:
    with pytest.raises(DBAPIError), database.transaction() as session:
        session.execute(text("INSERT INTO components (project_id, name) VALUES (4711, 'x')"))


def test_concurrent_writers_wait_for_each_other_instead_of_failing(database: Database) -> None:
    def add(number: int) -> None:
        with database.transaction() as session:
            session.execute(text("SELECT count(*) FROM severities")).scalar_one()
            session.execute(text("INSERT INTO severities (name, rank) VALUES (:name, 1)"), {"name": f"s{number}"})

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.snapshot() as session:
        assert session.execute(text("SELECT count(*) FROM severities WHERE name LIKE 's_'")).scalar_one() == 8


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), database.engine.dialect)  # noqa: DTZ001 -- The point.


def test_a_moment_comes_back_in_utc(database: Database) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    kind, dialect = UtcDateTime(), database.engine.dialect
    assert kind.process_result_value(kind.process_bind_param(moment, dialect), dialect) == moment


def test_a_writer_that_had_to_wait_is_as_patient_as_before(database: Database) -> None:
    if not database.is_embedded:
        with database.snapshot() as session:
            assert session.scalar(text("SHOW lock_timeout")) == "10s"
        return
    with hold(database, "UPDATE severities SET rank = rank") as done:
        timer = threading.Timer(0.3, done.set)  # Longer than the short waits.
        timer.start()
        with database.transaction() as session:
            assert session.scalar(text("PRAGMA busy_timeout")) == 10_000


@pytest.mark.parametrize(("waits", "synchronous"), [(True, 2), (False, 1)])
def test_who_answers_people_waits_for_the_disk_and_a_worker_does_not(
    tmp_path: Path, *, waits: bool, synchronous: int
) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'disk.db'}", waits_for_disk=waits)
    with database.transaction() as session:
        assert session.scalar(text("PRAGMA synchronous")) == synchronous
    database.dispose()


def test_tending_moves_the_log_into_the_file(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("CREATE TABLE long_texts (content TEXT)"))
        session.execute(text("INSERT INTO long_texts VALUES (:content)"), {"content": "x" * 6_000_000})
    if database.is_embedded:
        file = Path(str(database.engine.url.database))
        before = file.stat().st_size
        database.tend()
        assert file.stat().st_size > before + 5_000_000
    database.tend()
    with database.snapshot() as session:
        assert session.scalar(text("SELECT length(content) FROM long_texts")) == 6_000_000


def test_a_log_that_cannot_be_tended_now_ends_nobody(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    if not database.is_embedded:
        database.tend()
        return
    with database.transaction() as session:
        session.execute(text("CREATE TABLE long_texts (content TEXT)"))
        session.execute(text("INSERT INTO long_texts VALUES (:content)"), {"content": "x" * 6_000_000})
    asked: list[str] = []

    class FullDisk:
        def cursor(self) -> "FullDisk":
            return self

        def execute(self, statement: str) -> None:
            asked.append(statement)
            raise sqlite3.OperationalError("database or disk is full")

        def close(self) -> None:
            asked.append("closed")

    with monkeypatch.context() as patched:
        patched.setattr(Engine, "raw_connection", lambda _: FullDisk())
        database.tend()
    assert asked == ["PRAGMA wal_checkpoint(PASSIVE)", "closed"]


def test_a_reason_is_the_first_line_of_what_the_driver_said_without_the_statement(database: Database) -> None:
    with pytest.raises(DBAPIError) as caught, database.snapshot() as session:
        session.execute(text("SELECT secret FROM nowhere"))
    reason = read_reason(caught.value)
    assert "nowhere" in reason
    assert "SELECT" not in reason
    assert "\n" not in reason
    assert read_reason(TimeoutError()) == "TimeoutError"


def test_a_connection_that_is_used_while_all_are_closed_is_closed_when_it_comes_back(database: Database) -> None:
    for _ in range(2):  # It may be used again, and closed again.
        with database.snapshot() as session:
            used = session.connection().connection.dbapi_connection
            assert used is not None
            database.dispose()
            assert session.scalar(text("SELECT 1")) == 1
        with pytest.raises(Exception, match="closed"):
            used.cursor().execute("SELECT 1")
