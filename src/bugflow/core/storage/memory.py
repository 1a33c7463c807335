"""Storage in memory, for tests and trials; gone with the process."""

from collections.abc import Iterator
from threading import Lock
from typing import BinaryIO

from bugflow.core.storage.contract import ObjectExistsError, ObjectNotFoundError, Pieces, StoredObject, require_key


class MemoryStorage:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = Lock()

    def put(self, key: str, stream: BinaryIO, *, max_bytes: int | None = None, overwrite: bool = False) -> StoredObject:
        """Store what the stream holds; see `Storage.put`."""
        require_key(key)
        pieces = Pieces(stream, max_bytes)
        content = b"".join(pieces)
        with self._lock:
            if key in self._objects and not overwrite:
                raise ObjectExistsError(key)
            self._objects[key] = content
        return StoredObject(key, pieces.size_bytes, pieces.sha256)

    def read(self, key: str) -> Iterator[bytes]:
        """Return the object as one piece; see `Storage.read`."""
        return iter((self._get(key),))

    def stat(self, key: str) -> StoredObject:
        """Return the object's size; see `Storage.stat`."""
        return StoredObject(key, len(self._get(key)))

    def delete(self, key: str) -> None:
        """Delete the object; nothing there is no error."""
        require_key(key)
        with self._lock:
            self._objects.pop(key, None)

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with the prefix, sorted."""
        with self._lock:
            keys = sorted(self._objects)
        return (key for key in keys if key.startswith(prefix))

    def _get(self, key: str) -> bytes:
        require_key(key)
        try:
            return self._objects[key]
        except KeyError:
            raise ObjectNotFoundError(key) from None
