"""PostgreSQL databases for tests: each test gets an empty one under a new name, which mostly was another test's before.

Making and dropping a database takes the server ten times as long as emptying one. What a test has done to the structure
is found by the catalogue, whose rows then have other transaction numbers; such a database is made anew.
"""

from dataclasses import dataclass, field
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy import make_url

MOST_USES = 100
"""Rows that were deleted stay on the disk for a while; after so many tests a new database is quicker."""
MOST_BYTES = 4_000_000
"""Likewise after a test with many rows."""
KEPT = "alembic_version"
"""The only table in which migrations leave rows."""

STRUCTURE = """
SELECT md5(string_agg(part, ',' ORDER BY part)) FROM (
    SELECT concat('class', oid, ' ', xmin) FROM pg_class WHERE oid >= 16384 AND relpersistence <> 't'
    UNION ALL SELECT concat('column', attrelid, ' ', attnum, ' ', pg_attribute.xmin) FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid WHERE attrelid >= 16384 AND relpersistence <> 't'
    UNION ALL SELECT concat('constraint', oid, ' ', xmin) FROM pg_constraint WHERE oid >= 16384
    UNION ALL SELECT concat('default', oid, ' ', xmin) FROM pg_attrdef WHERE oid >= 16384
    UNION ALL SELECT concat('extension', oid, ' ', xmin) FROM pg_extension
    UNION ALL SELECT concat('function', oid, ' ', xmin) FROM pg_proc WHERE oid >= 16384
    UNION ALL SELECT concat('index', indexrelid, ' ', xmin) FROM pg_index WHERE indexrelid >= 16384
    UNION ALL SELECT concat('rule', oid, ' ', xmin) FROM pg_rewrite WHERE oid >= 16384
    UNION ALL SELECT concat('schema', oid, ' ', xmin) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT concat('trigger', oid, ' ', xmin) FROM pg_trigger WHERE oid >= 16384
    UNION ALL SELECT concat('type', pg_type.oid, ' ', pg_type.xmin) FROM pg_type
        JOIN pg_namespace ON pg_namespace.oid = typnamespace
        WHERE pg_type.oid >= 16384 AND nspname !~ '^pg_(toast_)?temp_'
    UNION ALL SELECT concat('rights', oid, ' ', xmin) FROM pg_default_acl
    UNION ALL SELECT concat('large object', oid) FROM pg_largeobject_metadata
    UNION ALL SELECT concat('setting', setrole, ' ', setconfig) FROM pg_db_role_setting
        JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database()
    UNION ALL SELECT concat('database', datconnlimit, ' ', datallowconn, ' ', datacl) FROM pg_database
        WHERE datname = current_database()
    UNION ALL SELECT concat('version', version_num) FROM alembic_version
) AS parts(part)
"""
TABLES = """
SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') ORDER BY relname
"""
RESET_NUMBERS = """
SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences
WHERE last_value IS NOT NULL
"""


class TemplateNotEmptyError(Exception):
    """Migrations leave rows that emptying would take away."""


@dataclass
class _Spare:
    """A database that waits for the next test.

    Attributes:
        structure: What stands for its structure as it was when it was made.
        tables: All but the one that migrations fill.
        uses: How many tests had it.
    """

    name: str
    structure: str
    tables: list[str]
    uses: int = 0


@dataclass
class DatabasePool:
    """Lends one database after the other; what is given back is emptied and lent again.

    Attributes:
        server: The address of a database of the server, as SQLAlchemy writes it.
        template: The name of the migrated, empty database that others are copies of.
        made: How many were made.
    """

    server: str
    template: str
    made: int = 0
    _spare: _Spare | None = None
    _lent: dict[str, _Spare] = field(default_factory=dict)
    _link: psycopg.Connection | None = None

    def lend(self) -> str:
        """Return the name of a fresh, migrated database that nobody else knows of."""
        found = self._spare or self._make()
        self._spare = None
        self._lent[found.name] = found
        return found.name

    def take_back(self, name: str) -> None:
        """Empty a database for the next test; where that cannot be done, or it is not as it was, drop it.

        It gets another name first, so that no process that a test has left behind can find it.
        """
        given = self._lent.pop(name)
        given.uses += 1
        try:
            self._shut_out_all(name)
            given.name = _name_new()
            self._execute(sql.SQL("ALTER DATABASE {} RENAME TO {}"), name, given.name)
        except psycopg.Error:
            self._drop(name)
            return
        try:
            reusable = given.uses < MOST_USES and self._spare is None and self._is_emptied(given)
        except psycopg.Error:  # The test has left it in no state to be used.
            reusable = False
        if reusable:
            self._spare = given
        else:
            self._drop(given.name)

    def close(self) -> None:
        """Drop what is there."""
        for name in [*self._lent, *([self._spare.name] if self._spare else [])]:
            self._drop(name)
        if self._link is not None:
            self._link.close()

    def _make(self) -> _Spare:
        name = _name_new()
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, self.template)
        self.made += 1
        with self._connect(name) as link:
            structure, tables = _read_structure(link), _list_tables(link)
            if filled := _list_filled(link, tables):
                raise TemplateNotEmptyError(f"Migrations leave rows in {', '.join(filled)}: emptying must keep them.")
        return _Spare(name, structure, tables)

    def _is_emptied(self, given: _Spare) -> bool:
        """Take all rows away and begin all numbers anew, unless the structure is another one or there is too much."""
        with self._connect(given.name) as link:
            if _read_structure(link) != given.structure:
                return False
            filled = _list_filled(link, given.tables)
            if filled:
                if _measure(link, filled) > MOST_BYTES:
                    return False
                link.execute("SET session_replication_role = replica")  # Neither references nor append-only guards.
                deletions = [sql.SQL("DELETE FROM {}").format(sql.Identifier(each)) for each in filled]
                link.execute(sql.SQL("; ").join(deletions))
            link.execute(RESET_NUMBERS)
        return True

    def _shut_out_all(self, name: str) -> None:
        """End every connection to a database, also those of processes that were killed."""
        self._open().execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))

    def _drop(self, name: str) -> None:
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), name)

    def _execute(self, statement: sql.SQL, *names: str) -> None:
        self._open().execute(statement.format(*map(sql.Identifier, names)))

    def _open(self) -> psycopg.Connection:
        if self._link is None or self._link.closed:
            self._link = self._connect()
        return self._link

    def _connect(self, name: str | None = None) -> psycopg.Connection:
        url = make_url(self.server).set(drivername="postgresql")
        address = (url if name is None else url.set(database=name)).render_as_string(hide_password=False)
        return psycopg.connect(address, autocommit=True)


def _name_new() -> str:
    return f"bugflow_test_{uuid4().hex}"


def _read_structure(link: psycopg.Connection) -> str:
    [[found]] = link.execute(STRUCTURE).fetchall()
    return str(found)


def _list_tables(link: psycopg.Connection) -> list[str]:
    return [name for (name,) in link.execute(TABLES).fetchall() if name != KEPT]


def _list_filled(link: psycopg.Connection, tables: list[str]) -> list[str]:
    question = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    parts = [question.format(sql.Literal(each), sql.Identifier(each)) for each in tables]
    return [name for (name,) in link.execute(sql.SQL(" UNION ALL ").join(parts)).fetchall()]


def _measure(link: psycopg.Connection, tables: list[str]) -> int:
    [[size]] = link.execute(
        "SELECT sum(pg_table_size(format('%%I', name)::regclass)) FROM unnest(%s::text[]) AS name", (tables,)
    ).fetchall()
    return int(size)
