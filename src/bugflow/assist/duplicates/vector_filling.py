"""Keeping vectors in PostgreSQL: makes the tables, fills them from the profiles, builds the index; a job's work.

Being killed at any moment loses little: rows are written a thousand at a time, and an index that was left half-built is
dropped and built again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from bugflow.assist.duplicates.packing import ProfileDamagedError, read_kept
from bugflow.assist.duplicates.reading import find_latest
from bugflow.assist.duplicates.vector_tables import (
    CREATE,
    DROP,
    MOST_DIMS,
    IssueVectors,
    find_problem,
    has_tables,
    name_index,
    write_vectors,
)
from bugflow.core.clock import utc_now
from bugflow.core.database import Database, read_reason
from bugflow.ml.contract import Encoder

log = structlog.get_logger()

FILLED_AT_ONCE = 1_000
LOCK = 726_178_231
"""Key of the advisory lock that lets one process at a time keep vectors."""
OVERLAP = timedelta(hours=1)
"""So far back is looked for profiles without vectors once all had them: no transaction takes longer."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
CHANGED = 0.1
"""When the number of issues has changed by this share, the mean of all texts is computed again."""

Tell = Callable[[int, str], None]

_MISSING = text(
    "SELECT p.issue_id, p.encoder, p.digest, p.profile FROM issue_profiles AS p "
    "LEFT JOIN issue_vectors AS v ON v.issue_id = p.issue_id AND v.issue_id > :after "
    "LEFT JOIN vector_encoders AS e ON e.id = v.encoder_id "
    "WHERE p.issue_id > :after AND p.encoder <> '' AND p.written_at >= :since "
    "AND (v.issue_id IS NULL OR v.digest <> p.digest OR e.name <> p.encoder) ORDER BY p.issue_id LIMIT :most"
)
_OUTDATED = text(
    "DELETE FROM issue_vectors AS v USING issue_profiles AS p "
    "WHERE p.issue_id = v.issue_id AND p.written_at >= :since AND p.encoder = ''"
)
_ENCODER = text("SELECT id, n_dims, counted, filled_at FROM vector_encoders WHERE name = :name")
_ESTIMATE = text("SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = to_regclass('issue_vectors')")
_MEAN = text(
    "UPDATE vector_encoders SET (mean, counted) = "
    "(SELECT avg(text)::real[], count(*) FROM issue_vectors WHERE encoder_id = vector_encoders.id) WHERE id = :id"
)
_FILLED = text("UPDATE vector_encoders SET filled_at = :now WHERE id = :id")
_USELESS = text(
    "SELECT id FROM vector_encoders AS e WHERE NOT EXISTS (SELECT FROM issue_vectors WHERE encoder_id = e.id)"
)
_FORGET_ENCODER = text("DELETE FROM vector_encoders WHERE id = :id")
_VALID = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")


@dataclass(frozen=True, slots=True)
class KeptVectors:
    """What was done.

    Attributes:
        written: Issues whose vectors were written.
        problem: Why vectors stay in the memory of each process; none where the database has them.
    """

    written: int = 0
    problem: str | None = None


def keep_all_vectors(
    database: Database, encoder: Encoder | None, *, whole: bool = False, tell: Tell = lambda _done, _what: None
) -> KeptVectors | None:
    """Do what `keep_vectors` does for an encoder; without one, for that whose vectors were written last."""
    if encoder is not None:
        return keep_vectors(database, encoder.name, whole=whole, tell=tell)
    with database.snapshot() as session:
        latest = find_latest(session)
    return None if latest is None else keep_vectors(database, latest[1], whole=whole, tell=tell)


def keep_vectors(
    database: Database, encoder_name: str, *, whole: bool = False, tell: Tell = lambda _done, _what: None
) -> KeptVectors | None:
    """Have PostgreSQL hold the vectors that profiles have, ready to be searched; none where it is no PostgreSQL.

    Also none while another process does the same.

    Args:
        database: Where profiles are.
        encoder_name: For whose vectors an index is built.
        whole: Compare all profiles, also where all had their vectors a while ago.
        tell: Is called with how many were written, and what is being done.
    """
    if database.is_embedded:
        return None
    with _open_alone(database) as connection:
        if connection is None:
            return None
        problem = _make_tables(database)
        if problem is not None:
            log.info("vectors_stay_in_memory", reason=problem)
            return KeptVectors(problem=problem)
        started = utc_now()
        written = _fill(database, _find_since(database, encoder_name, whole=whole), tell)
        _forget_others(database, connection)
        with database.snapshot() as session:
            encoder = session.execute(_ENCODER, {"name": encoder_name}).first()
        if encoder is None:
            return KeptVectors(written)
        if written > FILLED_AT_ONCE or encoder.filled_at is None:
            tell(written, "counting")
            connection.execute(text("ANALYZE issue_vectors"))
        _compute_mean(database, encoder)
        tell(written, "indexing")
        _build_index(connection, encoder.id, encoder.n_dims)
        with database.transaction() as session:
            session.execute(_FILLED, {"id": encoder.id, "now": started})
        return KeptVectors(written)


@contextmanager
def _open_alone(database: Database) -> Iterator[Connection | None]:
    """Give a connection for what cannot be in a transaction; none while another process has one."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": LOCK}):
            yield None
            return
        connection.detach()  # Its settings end with it.
        try:
            connection.execute(text("SET lock_timeout = 0"))
            connection.execute(text("SET statement_timeout = 0"))
            yield connection
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})


def _make_tables(database: Database) -> str | None:
    """Make extension and tables where they are missing; return why that was not possible."""
    with database.snapshot() as session:
        problem = find_problem(session)
        if problem is not None or has_tables(session):
            return problem
    try:
        with database.transaction() as session:
            session.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
            session.execute(text(DROP))
            for statement in CREATE:
                session.execute(text(statement))
    except SQLAlchemyError as error:
        reason = read_reason(error)
        return f"the extension vector cannot be used ({reason}); have an administrator run CREATE EXTENSION vector"
    return None


def _find_since(database: Database, encoder_name: str, *, whole: bool) -> datetime:
    """Return since when profiles are to be looked at."""
    with database.snapshot() as session:
        encoder = session.execute(_ENCODER, {"name": encoder_name}).first()
    if whole or encoder is None or encoder.filled_at is None:
        return LONG_AGO
    filled_at: datetime = encoder.filled_at
    return filled_at - OVERLAP


def _fill(database: Database, since: datetime, tell: Tell) -> int:
    with database.transaction() as session:
        session.execute(_OUTDATED, {"since": since})
    written = after = 0
    while True:
        with database.transaction() as session:
            rows = session.execute(_MISSING, {"after": after, "since": since, "most": FILLED_AT_ONCE}).all()
            if not rows:
                return written
            vectors: defaultdict[str, list[IssueVectors]] = defaultdict(list)
            for issue_id, encoder, digest, packed in rows:
                found = _read_vectors(issue_id, digest, packed)
                if found is not None and len(found.text) <= MOST_DIMS:
                    vectors[encoder].append(found)
            written += write_vectors(session, vectors)
        after = rows[-1][0]
        tell(written, "filling")


def _read_vectors(issue_id: int, digest: str, packed: str) -> IssueVectors | None:
    try:
        profile = read_kept(packed)
    except ProfileDamagedError as error:
        log.warning("profile_damaged", issue=issue_id, error=str(error))
        return None
    if profile.text is None or profile.title is None:
        return None
    return IssueVectors(issue_id, digest, profile.text, profile.title)


def _compute_mean(database: Database, encoder: Any) -> None:  # noqa: ANN401 -- A row.
    with database.snapshot() as session:
        count = float(session.scalar(_ESTIMATE) or 0)
    if encoder.filled_at is None or abs(count - encoder.counted) > CHANGED * encoder.counted:
        with database.transaction() as session:
            session.execute(_MEAN, {"id": encoder.id})


def _build_index(connection: Connection, encoder_id: int, n_dims: int) -> None:
    """Build an encoder's index unless it is there; nobody who writes has to wait."""
    name = name_index(encoder_id)
    valid = connection.scalar(_VALID, {"name": name})
    if valid:
        return
    if valid is not None:  # Somebody was killed at it.
        connection.execute(text(f"DROP INDEX CONCURRENTLY {name}"))
    connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY {name} ON issue_vectors "
            f"USING hnsw ((text::halfvec({n_dims:d})) halfvec_cosine_ops) WHERE encoder_id = {encoder_id:d}"
        )
    )


def _forget_others(database: Database, connection: Connection) -> None:
    """Drop the indexes of encoders that no vector is of any more."""
    with database.snapshot() as session:
        useless = session.scalars(_USELESS).all()
    for number in useless:
        connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {name_index(number)}"))
        connection.execute(_FORGET_ENCODER, {"id": number})
