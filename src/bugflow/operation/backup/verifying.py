"""Checking that a backup is whole and is what was written, before anything is done with it."""

import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from pydantic import ValidationError

from bugflow.core.storage.contract import StorageKeyError, require_key
from bugflow.migrations import known_versions
from bugflow.migrations.tables import METADATA
from bugflow.operation.backup.errors import DamagedBackupError, NewerBackupError
from bugflow.operation.backup.format import CHUNK_BYTES, FILES, FORMAT, MANIFEST, TABLES, Manifest

LARGEST_MANIFEST = 500_000_000
ENCRYPTED = 1
"""The bit of a member's flags that says so; ours never are."""


@contextmanager
def open_backup(path: Path) -> Iterator[tuple[ZipFile, Manifest]]:
    """Open a backup and its manifest; the members are not checked yet.

    Raises:
        DamagedBackupError: It is no backup, or truncated.
        NewerBackupError: It was made by a newer BugFlow.
    """
    try:
        with ZipFile(path) as archive:
            yield archive, _read_manifest(path, archive)
    except OSError as error:
        raise DamagedBackupError(path, error.strerror or str(error)) from error
    except (BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DamagedBackupError(path, f"it is no whole archive ({error})") from error


def _read_manifest(path: Path, archive: ZipFile) -> Manifest:
    try:
        info = archive.getinfo(MANIFEST)
    except KeyError as error:
        raise DamagedBackupError(path, "it has no manifest, so it is no backup of BugFlow") from error
    if info.file_size > LARGEST_MANIFEST or info.flag_bits & ENCRYPTED:
        raise DamagedBackupError(path, "its manifest is too large or encrypted, so it is none of ours")
    text = archive.read(info)
    if hashlib.sha256(text).hexdigest().encode() != archive.comment:
        raise DamagedBackupError(path, "its manifest was changed after it was written")
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise DamagedBackupError(path, "its manifest cannot be read") from error
    if manifest.format > FORMAT or manifest.schema_version not in known_versions():
        raise NewerBackupError(path, manifest.schema_version, manifest.version)
    return manifest


def verify_backup(path: Path) -> Manifest:
    """Return the manifest of a backup whose every member has the size and the digest that it was written with.

    Nothing is unpacked to the disk, and no member is read further than the manifest says.

    Raises:
        DamagedBackupError: It is damaged, truncated, changed or no backup.
        NewerBackupError: It was made by a newer BugFlow.
    """
    with open_backup(path) as (archive, manifest):
        names = [info.filename for info in archive.infolist() if info.filename != MANIFEST]
        if sorted(names) != sorted(manifest.members):
            raise DamagedBackupError(path, "its members are not those that its manifest names")
        for name in names:
            _verify_name(path, name)
            _verify_member(path, archive, name, manifest)
    return manifest


def _verify_name(path: Path, name: str) -> None:
    if name.startswith(TABLES) and name.removeprefix(TABLES).removesuffix(".jsonl") in METADATA.tables:
        return
    try:
        require_key(name.removeprefix(FILES))
    except StorageKeyError as error:
        raise DamagedBackupError(path, f"it has a member that no backup has: {name[:100]!r}") from error
    if not name.startswith(FILES):
        raise DamagedBackupError(path, f"it has a member that no backup has: {name[:100]!r}")


def _verify_member(path: Path, archive: ZipFile, name: str, manifest: Manifest) -> None:
    wanted = manifest.members[name]
    damaged = DamagedBackupError(path, f"its member {name} is not what was written")
    info = archive.getinfo(name)
    if info.file_size != wanted.size_bytes or info.flag_bits & ENCRYPTED:
        raise damaged
    digest, size = hashlib.sha256(), 0
    with archive.open(name) as stream:
        while piece := stream.read(CHUNK_BYTES):
            digest.update(piece)
            size += len(piece)
            if size > wanted.size_bytes:
                raise damaged
    if size != wanted.size_bytes or digest.hexdigest() != wanted.sha256:
        raise damaged
