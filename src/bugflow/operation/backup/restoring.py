"""Restoring a backup: wholly, or not at all."""

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import IO, Any, cast
from zipfile import ZipFile

from sqlalchemy import Connection, column, func, insert, inspect, select, table, text
from sqlalchemy import Table as SqlTable

from bugflow.core.database import Database, open_database
from bugflow.core.database.engine import parse_database_url
from bugflow.core.storage import ObjectExistsError, Storage
from bugflow.migrations import find_schema_version, migrate_connection
from bugflow.migrations.tables import METADATA
from bugflow.operation.backup.errors import DamagedBackupError, InUseError, NoRoomError, NotEmptyError
from bugflow.operation.backup.format import FILES, TABLES, Manifest, decode_value, read_lines, type_of
from bugflow.operation.backup.verifying import open_backup, verify_backup
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.text_index import index_issues

ROWS_AT_ONCE = 1000
ROOM_FACTOR = 2.5
"""A database with its indexes and full text, against its rows as JSON."""

Progress = Callable[[str], None]


def restore_backup(
    path: Path, database_url: str, storage: Storage, *, replace: bool = False, progress: Progress = lambda _: None
) -> Manifest:
    """Restore a backup into an empty installation; `replace` puts an SQLite database that is there aside.

    The backup is verified first. The database is exchanged last and in one step, so that a failure at any moment leaves
    the former one in its place; at most files that nothing names are left in storage. An older schema is upgraded.

    Raises:
        DamagedBackupError: It is damaged, truncated, changed or no backup.
        NewerBackupError: It was made by a newer BugFlow.
        NotEmptyError: There is something that would be replaced.
        InUseError: A server or worker has the database open.
        NoRoomError: The disk has too little room.
    """
    progress("verifying")
    manifest = verify_backup(path)
    url = parse_database_url(database_url)
    if url.get_backend_name() == "sqlite":
        _restore_sqlite(path, manifest, Path(str(url.database)), storage, replace=replace, progress=progress)
    else:
        _restore_postgresql(path, manifest, database_url, storage, progress)
    return manifest


def _restore_sqlite(
    path: Path, manifest: Manifest, target: Path, storage: Storage, *, replace: bool, progress: Progress
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    _require_room(manifest, target.parent)
    if not replace and _has_rows(f"sqlite:///{target}", target):
        raise NotEmptyError(
            f"The database {target}", "Add --replace to put it aside (it is kept beside the restored one)."
        )
    restored = target.with_name(f"{target.name}.restoring")
    _remove_sqlite(restored)
    database = open_database(f"sqlite:///{restored}")
    try:
        _fill(path, database, manifest, progress)
        _settle_sqlite(restored, database)
        _restore_files(path, manifest, storage, progress)
        _exchange(restored, target)
    finally:
        database.dispose()
        _remove_sqlite(restored)


def _require_room(manifest: Manifest, folder: Path) -> None:
    rows = sum(member.size_bytes for name, member in manifest.members.items() if name.startswith(TABLES))
    needed = int(rows * ROOM_FACTOR + manifest.size_bytes - rows)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoRoomError(needed, free)


def _has_rows(address: str, file: Path) -> bool:
    if not file.exists() or file.stat().st_size == 0:
        return False
    database = open_database(address)
    try:
        return not _is_empty(database)
    finally:
        database.dispose()


def _is_empty(database: Database) -> bool:
    present = set(inspect(database.engine).get_table_names())
    with database.engine.execution_options(read_only=True).connect() as connection:
        return not any(
            connection.scalar(select(func.count()).select_from(each))
            for each in METADATA.sorted_tables
            if each.name in present
        )


def _settle_sqlite(file: Path, database: Database) -> None:
    """Put everything of a new database into its one file, and onto the disk."""
    database.dispose()
    connection = sqlite3.connect(file)
    try:
        broken = connection.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise DamagedBackupError(file, f"a row of {broken[0]} refers to one of {broken[2]} that is missing")
        connection.execute("PRAGMA journal_mode = DELETE")
    finally:
        connection.close()
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def _exchange(restored: Path, target: Path) -> None:
    if target.exists():
        _require_alone(target)
        _keep_aside(target)
    restored.replace(target)  # In one step: whatever ends us, one of both is there under the name.
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_aside(target: Path) -> None:
    """Give a database a second name that is free, under which it stays when the first is taken."""
    for number in count(1):
        with suppress(FileExistsError):
            os.link(target, target.with_name(f"{target.name}.before-restore{f'-{number}' if number > 1 else ''}"))
            return


def _require_alone(file: Path) -> None:
    """Merge a database's log into it, which SQLite does for the only one who has it open."""
    connection = sqlite3.connect(file, timeout=1)
    try:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise InUseError(f"The database {file}") from error
    finally:
        connection.close()
    if mode != "delete":
        raise InUseError(f"The database {file}")


def _remove_sqlite(file: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)


def _restore_postgresql(
    path: Path, manifest: Manifest, database_url: str, storage: Storage, progress: Progress
) -> None:
    database = open_database(database_url)
    try:
        found = find_schema_version(database)
        if (found is not None and found != manifest.schema_version) or not _is_empty(database):
            name = database.engine.url.database
            raise NotEmptyError(f"The database {name}", "Create an empty one and name it in BUGFLOW_DATABASE_URL.")
        _restore_files(path, manifest, storage, progress)
        _fill(path, database, manifest, progress)
    finally:
        database.dispose()


def _fill(path: Path, database: Database, manifest: Manifest, progress: Progress) -> None:
    with database.transaction() as session:
        connection = session.connection()
        migrate_connection(connection, manifest.schema_version)
        with open_backup(path) as (archive, _):
            for name in manifest.tables:
                progress(f"table {name}")
                _insert_rows(connection, archive, name)
        if connection.dialect.name == "postgresql":
            _continue_numbers(connection)
        migrate_connection(connection)
        progress("full text")
        index_issues(session, session.scalars(select(Issue.id)).all())


def _insert_rows(connection: Connection, archive: ZipFile, name: str) -> None:
    with archive.open(f"{TABLES}{name}.jsonl") as stream:
        lines = read_lines(stream)
        columns = cast("list[tuple[str, str]]", next(lines))
        target = table(name, *(column(each, type_of(kind)) for each, kind in columns))
        statement = insert(target)
        while batch := [
            {each: decode_value(kind, value) for (each, kind), value in zip(columns, row, strict=True)}
            for row in islice(lines, ROWS_AT_ONCE)
        ]:
            connection.execute(statement, batch)


def _continue_numbers(connection: Connection) -> None:
    """Let each sequence go on behind the largest number."""
    for each in METADATA.sorted_tables:
        for name in _serial_columns(each):
            connection.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{each.name}', '{name}'), "  # noqa: S608 -- Our own names.
                    f"coalesce((SELECT max({name}) FROM {each.name}), 0) + 1, false)"
                )
            )


def _serial_columns(each: SqlTable) -> list[str]:
    found = each.autoincrement_column
    return [found.name] if found is not None else []


def _restore_files(path: Path, manifest: Manifest, storage: Storage, progress: Progress) -> None:
    with open_backup(path) as (archive, _):
        for key in manifest.files:
            progress(f"file {key}")
            with archive.open(FILES + key) as stream:
                _put(storage, key, stream, manifest.members[FILES + key].sha256)


def _put(storage: Storage, key: str, stream: IO[bytes], sha256: str) -> None:
    try:
        storage.put(key, cast("Any", stream))
    except ObjectExistsError as error:
        if _digest(storage.read(key)) != sha256:
            raise NotEmptyError(
                f"The storage (key {key})", "It has another file under a key of the backup. Use an empty storage."
            ) from error


def _digest(pieces: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()
