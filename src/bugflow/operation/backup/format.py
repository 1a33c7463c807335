"""What a backup's members look like: values as JSON, members with size and digest, the manifest."""

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import IO, Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import JSON, Boolean, Date, Double, Float, Integer, String, Uuid
from sqlalchemy.types import TypeEngine

from bugflow.core.database import Json, UtcDateTime

FORMAT = 1
MANIFEST = "manifest.json"
TABLES, FILES = "tables/", "files/"
CHUNK_BYTES = 256 * 1024

_KINDS: tuple[tuple[type[TypeEngine[Any]] | type[UtcDateTime], str], ...] = (
    (UtcDateTime, "moment"),
    (Date, "date"),
    (Uuid, "uuid"),
    (JSON, "json"),
    (Boolean, "bool"),
    (Integer, "int"),
    (Float, "float"),
    (Double, "float"),
    (String, "text"),
)
_TYPES: dict[str, Any] = {
    "moment": UtcDateTime(),
    "date": Date(),
    "uuid": Uuid(),
    "json": Json,
    "bool": Boolean(),
    "int": Integer(),
    "float": Double(),
    "text": String(),
}


class Member(BaseModel):
    """One member of the archive."""

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    rows: int | None = Field(default=None, ge=0)


class Manifest(BaseModel):
    """What a backup holds.

    Attributes:
        missing_files: Keys that vanished from storage while the backup was written.
    """

    format: int
    version: str
    schema_version: str
    created_at: datetime
    database: str
    members: dict[str, Member]
    missing_files: list[str] = Field(default_factory=list)

    @property
    def tables(self) -> list[str]:
        """The names of the tables, in an order in which rows find what they refer to."""
        return [name.removeprefix(TABLES).removesuffix(".jsonl") for name in self.members if name.startswith(TABLES)]

    @property
    def files(self) -> list[str]:
        """The keys of the stored files."""
        return [name.removeprefix(FILES) for name in self.members if name.startswith(FILES)]

    @property
    def size_bytes(self) -> int:
        """The bytes of everything, unpacked."""
        return sum(member.size_bytes for member in self.members.values())


class Digested:
    """Writes to a member and keeps its size and digest."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, piece: bytes) -> None:
        """Write a piece."""
        self._stream.write(piece)
        self._digest.update(piece)
        self._size += len(piece)

    def to_member(self, rows: int | None = None) -> Member:
        """Return what was written."""
        return Member(size_bytes=self._size, sha256=self._digest.hexdigest(), rows=rows)


def kind_of(column_type: TypeEngine[Any]) -> str:
    """Return how a column's values are written.

    Raises:
        TypeError: The type is new: add it here.
    """
    for known, kind in _KINDS:
        if isinstance(column_type, known):
            return kind
    raise TypeError(f"Backups cannot hold columns of type {column_type!r} yet.")


def type_of(kind: str) -> TypeEngine[Any]:
    """Return the column type of values written so.

    Raises:
        KeyError: There is no such kind.
    """
    found: TypeEngine[Any] = _TYPES[kind]
    return found


def write_line(values: object) -> bytes:
    """Return a line of JSON."""
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def encode_value(value: Any) -> Any:  # noqa: ANN401 -- A column's value.
    """Return a value as JSON can hold it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def decode_value(kind: str, value: Any) -> Any:  # noqa: ANN401 -- A column's value.
    """Return a value as it was.

    Raises:
        ValueError: It is not of this kind.
    """
    if value is None:
        return None
    if kind == "moment":
        return datetime.fromisoformat(value)
    if kind == "date":
        return date.fromisoformat(value)
    return UUID(value) if kind == "uuid" else value


def read_lines(stream: IO[bytes]) -> Iterator[Any]:
    """Yield the values of each line."""
    for line in stream:
        yield json.loads(line)
