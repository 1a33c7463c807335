"""What one test leaves in a PostgreSQL database no other one sees."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from factories.databases import MOST_BYTES, DatabasePool
from factories.settings import server_url

FILL = """
INSERT INTO severities (name, rank) VALUES ('left', 1);
INSERT INTO audit_entries (at, actor_name, origin, action, subject_type, subject_id)
VALUES (now(), 'Somebody', 'cli', 'left', 'test', '1')
"""


@pytest.fixture
def pool(template_database: str) -> Iterator[DatabasePool]:
    server = server_url()
    if server is None:
        pytest.skip("A file of SQLite is copied for each test.")
    made = DatabasePool(server, str(make_url(template_database).database))
    yield made
    made.close()


def connect(name: str) -> psycopg.Connection:
    url = make_url(server_url() or "").set(drivername="postgresql", database=name)
    return psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)


def count(name: str, table: str) -> int:
    with connect(name) as link:
        [[found]] = link.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchall()
    return int(found)


def run(name: str, statement: LiteralString) -> None:
    with connect(name) as link:
        link.execute(statement)


def test_a_database_that_is_given_back_is_emptied_renamed_and_begins_its_numbers_anew(pool: DatabasePool) -> None:
    first = pool.lend()
    run(first, FILL)
    pool.take_back(first)
    second = pool.lend()
    assert (pool.made, second != first) == (1, True)
    assert (count(second, "severities"), count(second, "audit_entries"), count(second, "alembic_version")) == (0, 0, 1)
    run(second, FILL)
    with connect(second) as link:
        assert link.execute("SELECT id FROM audit_entries").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            link.execute("DELETE FROM audit_entries")
    with pytest.raises(psycopg.OperationalError):
        connect(first)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE other (id integer)",
        "CREATE INDEX other ON severities (rank)",
        "ALTER TABLE severities ADD COLUMN other text",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "ALTER TABLE users RENAME TO people",
        "DROP TABLE severities CASCADE",
        "CREATE SCHEMA other",
        "CREATE FUNCTION other() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "UPDATE alembic_version SET version_num = '0000'",
        "INSERT INTO severities (name, rank) SELECT repeat('x', 30) || each, 1 FROM generate_series(1, 100000) AS each",
    ],
)
def test_one_that_has_another_structure_or_many_rows_is_made_anew(pool: DatabasePool, statement: LiteralString) -> None:
    first = pool.lend()
    run(first, statement)
    pool.take_back(first)
    second = pool.lend()
    assert (pool.made, count(second, "severities")) == (2, 0)
    assert MOST_BYTES < 6_000_000


def test_whoever_is_connected_still_is_shut_out(pool: DatabasePool) -> None:
    name = pool.lend()
    with connect(name) as left:
        left.execute("BEGIN")
        left.execute("LOCK TABLE severities")
        left.execute("SELECT pg_advisory_lock(1)")
        pool.take_back(name)
        with pytest.raises(psycopg.OperationalError):
            left.execute("SELECT 1")
    assert (count(pool.lend(), "severities"), pool.made) == (0, 1)
