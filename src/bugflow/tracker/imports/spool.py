"""Room outside memory for what an import has read and does not write yet: a temporary database of its own."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from bugflow.tracker.imports.errors import ImportFileError, NoRoomForImportError
from bugflow.tracker.imports.parsing import Record
from bugflow.tracker.imports.text_files import LARGEST_RECORD

CACHE_KIB = 16_000
UNNAMED = ""
"""SQLite makes a database without a name in the folder of temporary files once it outgrows its cache, and unlinks it at
once, so that nothing is left of it whatever happens."""
RECORD_TABLES = (
    "CREATE TABLE records (id INTEGER PRIMARY KEY, body TEXT)",
    "CREATE TABLE companions (id INTEGER PRIMARY KEY, kind TEXT, key TEXT, body TEXT)",
    "CREATE TABLE taken (kind TEXT, key TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID",
)
INDEX = "CREATE INDEX companions_by_key ON companions (kind, key)"
"""Made when all companions are there, which takes less time than to keep it up."""
NOT_TAKEN = "NOT EXISTS (SELECT 1 FROM taken WHERE taken.kind = companions.kind AND taken.key = companions.key)"
MARK = "SELECT coalesce((SELECT max(id) FROM records), 0), coalesce((SELECT max(id) FROM companions), 0)"


class Spool:
    """A temporary database.

    Every method raises NoRoomForImportError where there is no room for it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, *values: object) -> None:
        """Run a statement."""
        try:
            self._connection.execute(statement, values).close()
        except sqlite3.Error as error:
            raise NoRoomForImportError(str(error)) from error

    def rows(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, of which no more than two are in memory."""
        try:
            yield from self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise NoRoomForImportError(str(error)) from error


@contextmanager
def open_spool(tables: Iterable[str]) -> Iterator[Spool]:
    """Give a temporary database with these tables; it is gone afterwards."""
    # What reads from it may be forgotten half-way, and then be cleared away by another thread.
    with closing(sqlite3.connect(UNNAMED, isolation_level=None, check_same_thread=False)) as connection:
        spool = Spool(connection)
        settings = (f"PRAGMA cache_size = -{CACHE_KIB}", "PRAGMA journal_mode = OFF", "BEGIN")
        for statement in (*settings, *tables):
            spool.run(statement)
        yield spool


class RecordSpool:
    """Records as they stand in the files, and beside them the companions that belong to one of them."""

    def __init__(self, spool: Spool, source: str) -> None:
        self._spool = spool
        self._source = source
        self._kinds = set[str]()
        self._is_indexed = False

    def keep(self, text: str) -> None:
        """Keep a record, behind those that are kept already."""
        self._spool.run("INSERT INTO records (body) VALUES (?)", text)

    def keep_beside(self, kind: str, key: str, text: str) -> None:
        """Keep a companion of the record with this key."""
        self._kinds.add(kind)
        self._spool.run("INSERT INTO companions (kind, key, body) VALUES (?, ?, ?)", kind, key, text)

    def mark(self) -> tuple[int, int]:
        """Return what `forget_since` needs to forget all that is kept from now on."""
        [(record, companion)] = self._spool.rows(MARK)
        return record, companion

    def forget_since(self, mark: tuple[int, int]) -> None:
        """Forget what was kept since a mark."""
        for table, last in zip(("records", "companions"), mark, strict=True):
            self._spool.run(f"DELETE FROM {table} WHERE id > ?", last)  # noqa: S608 -- Constants.

    def has_records(self) -> bool:
        """Whether a record is kept."""
        return self.mark()[0] > 0

    def records(self) -> Iterator[Record]:
        """Yield the records, in the order in which they came."""
        return (json.loads(body) for (body,) in self._spool.rows("SELECT body FROM records ORDER BY id"))

    def take(self, kind: str, key: str) -> list[Record]:
        """Return the companions of a kind that belong to a key, in the order in which they came, and only once.

        Raises:
            ImportFileError: They are larger than a record may be.
        """
        if kind not in self._kinds:
            return []
        if not self._is_indexed:
            self._spool.run(INDEX)
            self._is_indexed = True
        query = f"SELECT body FROM companions WHERE kind = ? AND key = ? AND {NOT_TAKEN} ORDER BY id"  # noqa: S608 -- Constants.
        found, length = list[Record](), 0
        for (body,) in self._spool.rows(query, kind, key):
            length += len(body)
            if length > LARGEST_RECORD:
                raise ImportFileError(
                    self._source, f"the {kind} of {key} are longer than {LARGEST_RECORD:,} characters"
                )
            found.append(json.loads(body))
        if found:
            self._spool.run("INSERT INTO taken VALUES (?, ?)", kind, key)
        return found

    def left_over(self, *kinds: str) -> Iterator[tuple[str, int]]:
        """Yield the keys whose companions of these kinds nobody took, in the order of their first, with how many."""
        which = f"kind IN ({', '.join('?' * len(kinds))}) AND {NOT_TAKEN}"
        query = f"SELECT key, count(*) FROM companions WHERE {which} GROUP BY key ORDER BY min(id)"  # noqa: S608 -- Marks.
        yield from self._spool.rows(query, *kinds)


@contextmanager
def open_record_spool(source: str) -> Iterator[RecordSpool]:
    """Give room for the records of one import."""
    with open_spool(RECORD_TABLES) as spool:
        yield RecordSpool(spool, source)
