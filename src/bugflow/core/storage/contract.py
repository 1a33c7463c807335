"""What every storage can do, and what can go wrong with it."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from bugflow.core.errors import ConflictError, InvalidError, NotFoundError, UnavailableError

CHUNK_BYTES = 256 * 1024
LONGEST_KEY = 500
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=@+-]*(/[A-Za-z0-9_][A-Za-z0-9._=@+-]*)*")


class StorageAddressError(InvalidError):
    """The storage's address cannot be used."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(
            f"BUGFLOW_STORAGE_URL {address!r} cannot be used: {reason}. "
            "Use file:///PATH, s3://BUCKET/PREFIX?endpoint=ADDRESS or memory://."
        )


class StorageKeyError(InvalidError):
    """A key that no storage takes."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Storage key {key[:100]!r} is not possible: parts of letters, digits and ._=@+- joined by '/', "
            f"none beginning with a dot, at most {LONGEST_KEY} characters."
        )


class ObjectNotFoundError(NotFoundError):
    """Nothing is stored under the key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Nothing is stored under {key!r}.")


class ObjectExistsError(ConflictError):
    """Something is stored under the key, and may not be overwritten."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Something is stored under {key!r} already; stored objects are not overwritten.")


class ObjectTooLargeError(InvalidError):
    """More bytes than allowed; nothing was kept."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The file is larger than {max_bytes:,} bytes, the most that is taken. Make it smaller.")
        self.max_bytes = max_bytes


class StorageUnavailableError(UnavailableError):
    """The storage is full, or does not answer; nothing was kept."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The file storage cannot be used now: {reason}. Nothing was stored; try again later.")


@dataclass(frozen=True)
class StoredObject:
    """What is stored under a key: size in bytes and, where it was just written, SHA-256 in hexadecimal."""

    key: str
    size_bytes: int
    sha256: str = ""


class Storage(Protocol):
    """Objects by key. An object appears whole or not at all, and a key is written once unless told otherwise."""

    def put(self, key: str, stream: BinaryIO, *, max_bytes: int | None = None, overwrite: bool = False) -> StoredObject:
        """Store what the stream holds.

        Raises:
            StorageKeyError: The key is not possible.
            ObjectExistsError: The key is used, and `overwrite` is off.
            ObjectTooLargeError: The stream holds more than `max_bytes` bytes.
            StorageUnavailableError: The storage is full or does not answer.
        """

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the object piece by piece.

        Raises:
            ObjectNotFoundError: Nothing is stored there; raised before the first piece.
            StorageUnavailableError: The storage does not answer; raised also after some pieces.
        """

    def stat(self, key: str) -> StoredObject:
        """Return the object's size.

        Raises:
            ObjectNotFoundError: Nothing is stored there.
        """

    def delete(self, key: str) -> None:
        """Delete the object; nothing there is no error."""

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with the prefix, sorted."""


def require_key(key: str) -> None:
    """Refuse a key that could leave the storage's folder or break its listing.

    Raises:
        StorageKeyError: It is not possible.
    """
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise StorageKeyError(key)


class Pieces:
    """A stream in pieces, counted and hashed as they pass.

    Attributes:
        size_bytes: Bytes that have passed.
    """

    def __init__(self, stream: BinaryIO, max_bytes: int | None) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        """The digest of what has passed, in hexadecimal."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces.

        Raises:
            ObjectTooLargeError: More than the limit has passed.
        """
        while piece := self._stream.read(CHUNK_BYTES):
            self.size_bytes += len(piece)
            if self._max_bytes is not None and self.size_bytes > self._max_bytes:
                raise ObjectTooLargeError(self._max_bytes)
            self._digest.update(piece)
            yield piece
