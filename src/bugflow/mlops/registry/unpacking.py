"""A whole version out of one file that somebody brought, none of which is trusted before it was looked at."""

import json
import mmap
import re
import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from uuid import uuid4

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open

from bugflow.core.storage import StorageKeyError
from bugflow.core.storage.contract import CHUNK_BYTES, require_key
from bugflow.mlops.registry.errors import ModelNameError, PackError, UnpackingFailedError
from bugflow.mlops.registry.fetching import UNFINISHED
from bugflow.mlops.registry.versions import MANIFEST, Manifest, StoredFile, name_version, read_moment

MOST_FILES = 200
MOST_BYTES = 2_000_000_000
"""Of all files together, unpacked."""
MOST_MANIFEST_BYTES, MOST_TEXT_BYTES = 1_000_000, 64_000_000
MOST_GROWTH, GROWTH_FREE_BYTES = 100, 10_000_000
"""Unpacked, files are at most so many times as large as packed, beyond a size that does no harm."""
AHEAD = timedelta(days=1)
"""By so much the clock of another machine may be ahead."""

_END = struct.Struct("<4s4H2LH")
_END_SIGN, _LONG_END_SIGN = b"PK\x05\x06", b"PK\x06\x07"
_MOST_DIRECTORY_BYTES = 1_000_000
_ENCRYPTED = 0x1
_FILE_ELSEWHERE = re.compile(rb"(?:\x0a|\x8a\x80*\x00)(?:\x08|\x88\x80*\x00)location")
"""How an ONNX file says that numbers lie in another file: an entry with this key, however its lengths are written."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A version that was looked at, in a folder that is gone afterwards.

    Attributes:
        manifest: As it was packed; its files are all there is in the folder.
    """

    folder: Path
    manifest: Manifest


@contextmanager
def unpack_version(source: BinaryIO, *, work_folder: Path, now: datetime) -> Iterator[Unpacked]:
    """Unpack a version beside others and look at all of it: its manifest, and each file's name, size, hash and form.

    Args:
        source: What `pack_version` wrote; it can be read from any place.
        work_folder: Where the fetched versions lie: what a killed process leaves there is cleaned away.
        now: A version that was published later than this is not believed.

    Raises:
        PackError: It is no such file, is damaged, or holds what no version may.
        UnpackingFailedError: There is no room on this machine.
    """
    folder = work_folder / f"{UNFINISHED}{uuid4().hex}"
    try:
        yield Unpacked(folder, _unpack(source, folder, now))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(source: BinaryIO, folder: Path, now: datetime) -> Manifest:
    try:
        with _open_archive(source) as archive:
            entries = _list_entries(archive)
            manifest = _read_manifest(archive, entries, now)
            for file in manifest.files:
                _unpack_file(archive, entries[file.path], file, folder / file.path)
                _require_form(folder / file.path, file.path)
            return manifest
    except OSError as error:
        raise UnpackingFailedError(error.strerror or str(error)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError) as error:
        raise PackError("its packing is damaged.") from error


def _open_archive(source: BinaryIO) -> zipfile.ZipFile:
    """Open a ZIP file whose list of files is small, which is known before it is read."""
    size = source.seek(0, 2)
    source.seek(max(0, size - _END.size - 20))
    tail = source.read()
    if len(tail) < _END.size or not tail[-_END.size :].startswith(_END_SIGN) or tail[-2:] != b"\0\0":
        raise PackError("it is no ZIP file as BugFlow writes it.")
    directory_bytes = _END.unpack(tail[-_END.size :])[5]
    if directory_bytes > _MOST_DIRECTORY_BYTES or tail.startswith(_LONG_END_SIGN):
        raise PackError("it has more files, or larger ones, than any version.")
    source.seek(0)
    return zipfile.ZipFile(source)


def _list_entries(archive: zipfile.ZipFile) -> Mapping[str, zipfile.ZipInfo]:
    """Return the packed files by their paths, each of which is a plain one with a name that can be stored."""
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.is_dir() or kind not in {0, stat.S_IFREG}:
            raise PackError(f"{entry.filename[:100]!r} is a link or a folder, not a plain file.")
        if entry.flag_bits & _ENCRYPTED or entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise PackError(f"{entry.filename[:100]!r} is encrypted, or packed by an unknown method.")
        _require_path(entry.orig_filename)
        if entry.filename in found:
            raise PackError(f"it has {entry.filename!r} twice.")
        found[entry.filename] = entry
    if len(found) > MOST_FILES:
        raise PackError(f"it has {len(found)} files; a version has at most {MOST_FILES}.")
    size = sum(entry.file_size for entry in found.values())
    packed = sum(entry.compress_size for entry in found.values())
    if size > min(MOST_BYTES, GROWTH_FREE_BYTES + MOST_GROWTH * packed):
        raise PackError(f"its {packed:,} bytes would be {size:,} unpacked, which is more than any version has.")
    return found


def _require_path(path: str) -> None:
    try:
        require_key(path)
    except StorageKeyError as error:
        raise PackError(f"a file is named {path[:100]!r}, which leads elsewhere or cannot be stored.") from error


def _read_manifest(archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo], now: datetime) -> Manifest:
    entry = entries.get(MANIFEST)
    if entry is None or entry.file_size > MOST_MANIFEST_BYTES:
        raise PackError(f"it has no {MANIFEST}, or one that is too large.")
    try:
        manifest = Manifest.model_validate_json(archive.read(entry))
        name_version(manifest.model_type, manifest.scope, manifest.version, manifest.moment)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise PackError(f"its {MANIFEST} cannot be understood, first at {field or 'its beginning'}.") from error
    except ModelNameError as error:
        raise PackError(f"its {MANIFEST} names what cannot be: {error}") from error
    published = read_moment(manifest.moment)
    if published is None or published > now + AHEAD:
        raise PackError(f"its {MANIFEST} has a moment that is none, or has not come yet.")
    if not all(isfinite(each) for each in manifest.metrics.values()):  # JSON would not keep them.
        raise PackError(f"its {MANIFEST} has figures that are no numbers.")
    _require_same_files(manifest, entries)
    return manifest


def _require_same_files(manifest: Manifest, entries: Mapping[str, zipfile.ZipInfo]) -> None:
    """Refuse a manifest that describes other files than there are, or files that could not lie beside each other."""
    paths = [file.path for file in manifest.files]
    if not paths or sorted([*paths, MANIFEST]) != sorted(entries):
        raise PackError(f"its {MANIFEST} tells of other files than there are.")
    folders = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    if folders & set(paths) or len({path.casefold() for path in paths}) < len(paths):
        raise PackError("two of its files have names that cannot be told apart, or lie within each other.")
    for path in paths:
        if PurePosixPath(path).suffix not in FORMS:
            raise PackError(f"{path} is of a form that no model has; only {', '.join(FORMS)} cannot run code.")


def _unpack_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: StoredFile, target: Path) -> None:
    if entry.file_size != file.size_bytes:
        raise PackError(f"{file.path} has {entry.file_size:,} bytes, and not the {file.size_bytes:,} that were packed.")
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = sha256(), 0
    with archive.open(entry) as stream, target.open("xb") as written:
        while piece := stream.read(CHUNK_BYTES):
            digest.update(piece)
            size += len(piece)
            written.write(piece)
    if (size, digest.hexdigest()) != (file.size_bytes, file.sha256):
        raise PackError(f"{file.path} is not what was packed: its SHA-256 is another one.")


def _require_form(path: Path, name: str) -> None:
    """Refuse a file that is not what its name says."""
    try:
        FORMS[path.suffix](path)
    except (ValueError, RecursionError, SafetensorError) as error:
        raise PackError(f"{name} is not what its name says.") from error


def _read_text(path: Path) -> str:
    if path.stat().st_size > MOST_TEXT_BYTES:
        raise ValueError(path.name)
    return path.read_text(encoding="utf-8")


def _require_text(path: Path) -> None:
    _read_text(path)


def _require_json(path: Path) -> None:
    json.loads(_read_text(path))


def _require_arrays(path: Path) -> None:
    with safe_open(path, "numpy") as arrays:
        arrays.keys()


def _require_one_network(path: Path) -> None:
    """Refuse a network whose numbers lie in other files, which could be any of this machine's."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if _FILE_ELSEWHERE.search(content) is not None:
            raise ValueError(path.name)


FORMS: Mapping[str, Callable[[Path], None]] = {
    ".json": _require_json,
    ".safetensors": _require_arrays,
    ".onnx": _require_one_network,
    ".txt": _require_text,
    ".md": _require_text,
}
"""How files of a model end, none of which can run code, and what is looked at in each."""
