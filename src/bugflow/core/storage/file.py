"""Storage in a folder: each object is a file that appears whole, by linking a finished temporary file to its name."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bugflow.core.storage.contract import (
    CHUNK_BYTES,
    ObjectExistsError,
    ObjectNotFoundError,
    Pieces,
    StorageUnavailableError,
    StoredObject,
    require_key,
)

UNFINISHED = ".unfinished-"
"""Begins the names of files that are being written; keys never begin with a dot."""


class FileStorage:
    """Objects in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageUnavailableError(f"folder {folder} cannot be made: {error.strerror}") from error

    def put(self, key: str, stream: BinaryIO, *, max_bytes: int | None = None, overwrite: bool = False) -> StoredObject:
        """Store what the stream holds; see `Storage.put`."""
        path = self._path(key)
        pieces = Pieces(stream, max_bytes)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.writelines(pieces)
                    file.flush()
                    os.fsync(file.fileno())
                if overwrite:
                    Path(unfinished).replace(path)
                else:
                    os.link(unfinished, path)
                _sync_folder(path.parent)
            finally:
                Path(unfinished).unlink(missing_ok=True)
        except FileExistsError as error:
            raise ObjectExistsError(key) from error
        except OSError as error:
            raise StorageUnavailableError(error.strerror or str(error)) from error
        return StoredObject(key, pieces.size_bytes, pieces.sha256)

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the object piece by piece; see `Storage.read`."""
        path = self._path(key)
        try:
            file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ObjectNotFoundError(key) from error
        except OSError as error:
            raise StorageUnavailableError(error.strerror or str(error)) from error
        return _pieces_of(file)

    def stat(self, key: str) -> StoredObject:
        """Return the object's size; see `Storage.stat`."""
        path = self._path(key)
        if path.is_symlink() or not path.is_file():
            raise ObjectNotFoundError(key)
        return StoredObject(key, path.stat().st_size)

    def delete(self, key: str) -> None:
        """Delete the object; nothing there is no error."""
        try:
            self._path(key).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise StorageUnavailableError(error.strerror or str(error)) from error

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with the prefix, sorted; unfinished files have none."""
        keys = (
            (Path(folder) / name).relative_to(self._folder).as_posix()
            for folder, _, names in os.walk(self._folder)
            for name in names
            if not name.startswith(".")
        )
        return iter(sorted(key for key in keys if key.startswith(prefix)))

    def _path(self, key: str) -> Path:
        require_key(key)
        return self._folder / key


def _pieces_of(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
