"""Whether PostgreSQL searches vectors, or each server has to keep them in its memory."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from bugflow.assist.duplicates.vector_search import list_searched
from bugflow.assist.duplicates.vector_tables import find_problem, has_tables, is_postgresql, may_create
from bugflow.core.settings import Settings
from bugflow.operation.doctor.findings import Finding, note, warn, well

SUBJECT = "vectors"


def examine_vectors(session: Session, settings: Settings) -> Iterator[Finding]:
    """Look at the extension pgvector, and at what a job keeps there; on SQLite there is nothing to look at."""
    if not is_postgresql(session) or not settings.duplicates:
        return
    problem = find_problem(session)
    searched = list_searched(session)
    if settings.duplicates_vectors == "memory":
        yield note(SUBJECT, "each server keeps them in its memory, as BUGFLOW_DUPLICATES_VECTORS says")
    elif problem is not None:
        advice = "If there are hundreds of thousands of issues, have pgvector installed: see the guide to duplicates."
        yield note(SUBJECT, f"each server keeps them in its memory: {problem}", advice)
    elif not may_create(session):
        advice = "Have an administrator run CREATE EXTENSION vector in this database."
        yield warn(SUBJECT, "each server keeps them in its memory: BugFlow may not create the extension vector", advice)
    elif searched:
        yield well(SUBJECT, f"the database searches those of {', '.join(searched)}")
    else:
        found = "not all of them are in the database yet" if has_tables(session) else "none are in the database yet"
        yield note(SUBJECT, found, "A worker sees to that within minutes; `bugflow duplicates index` does it now.")
