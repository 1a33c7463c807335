"""Writing a backup of a running installation."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from sqlalchemy import Connection, Table, select

from bugflow import __version__
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.migrations import head_version, require_current_schema
from bugflow.migrations.tables import METADATA
from bugflow.operation.backup.errors import BackupExistsError, BackupNotWrittenError
from bugflow.operation.backup.format import (
    FILES,
    FORMAT,
    MANIFEST,
    TABLES,
    Digested,
    Manifest,
    Member,
    encode_value,
    kind_of,
    write_line,
)

ROWS_AT_ONCE = 1000
Progress = Callable[[str], None]


def write_backup(database: Database, storage: Storage, path: Path, *, progress: Progress = lambda _: None) -> Manifest:
    """Write a backup: the database as it is at one moment, then the files.

    The server may go on working. The file appears under its name only when it is whole and on the disk.

    Raises:
        SchemaOutdatedError: The database has another schema than this version.
        BackupExistsError: The file is there already.
        BackupNotWrittenError: The disk is full, or the folder cannot be written.
    """
    require_current_schema(database)
    if path.exists():
        raise BackupExistsError(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        manifest = _write(database, storage, partial, progress)
        os.link(partial, path)  # Unlike a renaming, this never replaces what somebody else wrote meanwhile.
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise BackupExistsError(path) from error
    except OSError as error:
        raise BackupNotWrittenError(path, error.strerror or str(error)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return manifest


def _write(database: Database, storage: Storage, partial: Path, progress: Progress) -> Manifest:
    members: dict[str, Member] = {}
    missing: list[str] = []
    descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)  # It holds password hashes.
    with os.fdopen(descriptor, "w+b") as stream:
        with ZipFile(stream, "w", ZIP_DEFLATED, allowZip64=True) as archive:
            created_at = utc_now()
            with _read_one_moment(database) as connection:
                for table in METADATA.sorted_tables:
                    progress(f"table {table.name}")
                    name = f"{TABLES}{table.name}.jsonl"
                    members[name] = _write_table(archive, name, connection, table)
            for key in storage.list_keys():
                progress(f"file {key}")
                member = _write_file(archive, storage, key)
                if member is None:
                    missing.append(key)
                else:
                    members[FILES + key] = member
            manifest = Manifest(
                format=FORMAT,
                version=__version__,
                schema_version=head_version(),
                created_at=created_at,
                database=database.engine.dialect.name,
                members=members,
                missing_files=missing,
            )
            text = manifest.model_dump_json(indent=1).encode()
            archive.writestr(MANIFEST, text)
            archive.comment = hashlib.sha256(text).hexdigest().encode()
        stream.flush()
        os.fsync(stream.fileno())
    return manifest


@contextmanager
def _read_one_moment(database: Database) -> Iterator[Connection]:
    options = (
        {"read_only": True}
        if database.engine.dialect.name == "sqlite"
        else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    )
    with database.engine.execution_options(**options).connect() as connection:
        yield connection


def _write_table(archive: ZipFile, name: str, connection: Connection, table: Table) -> Member:
    columns = list(table.columns)
    statement = select(*columns).order_by(*table.primary_key.columns)
    rows = 0
    with archive.open(name, "w", force_zip64=True) as stream:
        member = Digested(stream)
        member.write(write_line([[column.name, kind_of(column.type)] for column in columns]))
        for row in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement):
            member.write(write_line([encode_value(value) for value in row]))
            rows += 1
    return member.to_member(rows)


def _write_file(archive: ZipFile, storage: Storage, key: str) -> Member | None:
    try:
        pieces = storage.read(key)
        first = next(pieces, b"")
    except ObjectNotFoundError:
        return None  # It was deleted since the keys were listed.
    with archive.open(FILES + key, "w", force_zip64=True) as stream:
        member = Digested(stream)
        member.write(first)
        for piece in pieces:
            member.write(piece)
    return member.to_member()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
