"""Vectors of issues in PostgreSQL: two tables that are there only where the extension pgvector is.

They hold nothing that `issue_profiles` does not: a job makes and fills them, so that they are no part of the schema's
versions, of backups and of exports, and may be dropped at any time. Each encoder has an HNSW index of its own over its
texts, since vectors of different encoders have different lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format
from sqlalchemy import text
from sqlalchemy.orm import Session

VectorPlace = Literal["auto", "memory"]
"""Where vectors are searched: in the database where it can, or in any case in the memory of each process."""

LEAST_VERSION = (0, 8)
"""Of pgvector: half numbers came with 0.7, searching on where a condition leaves too few with 0.8."""
MOST_DIMS = 4_000
"""That an HNSW index of half numbers can have."""

INDEX = "ix_issue_vectors_text_"
"""How the names of indexes begin; an encoder's number follows."""

CREATE = (
    """CREATE TABLE vector_encoders (
        id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        n_dims integer NOT NULL,
        mean real[],
        counted bigint NOT NULL DEFAULT 0,
        filled_at timestamptz
    )""",
    # A row of up to 8160 bytes stays in one place: what is kept elsewhere is read four times as slowly.
    """CREATE TABLE issue_vectors (
        issue_id integer PRIMARY KEY REFERENCES issues ON DELETE CASCADE,
        encoder_id smallint NOT NULL REFERENCES vector_encoders,
        digest text NOT NULL,
        text halfvec NOT NULL,
        title halfvec NOT NULL
    ) WITH (toast_tuple_target = 8160)""",
    "ALTER TABLE issue_vectors ALTER COLUMN text SET STORAGE EXTERNAL, ALTER COLUMN title SET STORAGE EXTERNAL",
)
DROP = "DROP TABLE IF EXISTS issue_vectors, vector_encoders"

# Dropping the extension takes the columns with it and leaves the table.
_COLUMNS = text(
    "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('issue_vectors') "
    "AND attname IN ('text', 'title') AND NOT attisdropped"
)
_EXTENSION = text(
    "SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS present, "
    "default_version AS available FROM pg_available_extensions WHERE name = 'vector'"
)
_MAY_CREATE = text(
    "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector') "
    "OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) "
    "OR EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'vector' AND trusted "
    "AND has_database_privilege(current_database(), 'CREATE'))"
)
_ENCODER = text("SELECT id, n_dims FROM vector_encoders WHERE name = :name")
_ADD_ENCODER = text("INSERT INTO vector_encoders (name, n_dims) VALUES (:name, :n_dims) ON CONFLICT DO NOTHING")
_WRITE = text(
    "INSERT INTO issue_vectors (issue_id, encoder_id, digest, text, title) "
    "SELECT issue_id, :encoder_id, digest, CAST(:text AS halfvec), CAST(:title AS halfvec) FROM issue_profiles "
    "WHERE issue_id = :issue_id AND digest = :digest AND encoder = :encoder FOR SHARE "
    "ON CONFLICT (issue_id) DO UPDATE SET encoder_id = excluded.encoder_id, digest = excluded.digest, "
    "text = excluded.text, title = excluded.title"
)
_FORGET = text("DELETE FROM issue_vectors WHERE issue_id = ANY(:issues)")


@dataclass(frozen=True, slots=True)
class IssueVectors:
    """The vectors of a profile that is kept.

    Attributes:
        digest: Of the text that the profile is of.
    """

    issue_id: int
    digest: str
    text: NDArray[np.float32]
    title: NDArray[np.float32]


class HalfVector:
    """A vector as pgvector takes it, in half numbers: a third of the bytes of its text, and nothing to parse."""

    def __init__(self, vector: NDArray[np.float32]) -> None:
        self.content = len(vector).to_bytes(2, "big") + b"\0\0" + vector.astype(">f2").tobytes()


class _HalfVectorDumper(Dumper):
    """Hands a vector over as bytes; the statement says what they are, since the type's number differs everywhere."""

    format = Format.BINARY

    def dump(self, obj: HalfVector) -> Buffer:
        return obj.content


def take_vectors(session: Session) -> None:
    """Let the session's connection take `HalfVector` as a parameter."""
    connection = session.connection().connection.driver_connection
    if connection is not None:
        connection.adapters.register_dumper(HalfVector, _HalfVectorDumper)


def is_postgresql(session: Session) -> bool:
    """Whether the database could have vectors at all."""
    return session.get_bind().dialect.name == "postgresql"


def has_tables(session: Session) -> bool:
    """Whether the tables are there, and whole."""
    return is_postgresql(session) and session.scalar(_COLUMNS) == 2  # noqa: PLR2004 -- The two columns.


def find_problem(session: Session) -> str | None:
    """Return why the database cannot have vectors as it is; none where the extension is there or can be asked for."""
    found = session.execute(_EXTENSION).first()
    if found is None:
        return "PostgreSQL's extension vector (pgvector) is not installed on its server"
    version = str(found.present or found.available)
    if tuple(int(each) for each in version.split(".")[:2]) < LEAST_VERSION:
        least = ".".join(map(str, LEAST_VERSION))
        return f"PostgreSQL's extension vector has version {version}, and {least} is needed"
    return None


def may_create(session: Session) -> bool:
    """Whether the extension is there, or BugFlow's user of the database may create it."""
    return bool(session.scalar(_MAY_CREATE))


def find_or_add_encoder(session: Session, name: str, n_dims: int) -> int | None:
    """Return the number that an encoder has in the tables; none where its vectors have too many dimensions."""
    if n_dims > MOST_DIMS:
        return None
    found = session.execute(_ENCODER, {"name": name}).first()
    if found is None:
        session.execute(_ADD_ENCODER, {"name": name, "n_dims": n_dims})
        found = session.execute(_ENCODER, {"name": name}).one()
    return int(found.id)


def write_vectors(session: Session, vectors: Mapping[str, Sequence[IssueVectors]]) -> int:
    """Write vectors, given by their encoders, of issues whose kept profile is of the same text; return how many."""
    written = 0
    take_vectors(session)
    for encoder, some in vectors.items():
        number = find_or_add_encoder(session, encoder, len(some[0].text)) if some else None
        if number is None:
            continue
        rows = [
            {
                "issue_id": each.issue_id,
                "encoder_id": number,
                "encoder": encoder,
                "digest": each.digest,
                "text": HalfVector(each.text),
                "title": HalfVector(each.title),
            }
            for each in some
        ]
        session.execute(_WRITE, rows)
        written += len(rows)
    return written


def forget_vectors(session: Session, issue_ids: Sequence[int]) -> None:
    """Delete the vectors of issues."""
    if issue_ids:
        session.execute(_FORGET, {"issues": list(issue_ids)})


def name_index(encoder_id: int) -> str:
    """Return the name of an encoder's index."""
    return f"{INDEX}{encoder_id}"
