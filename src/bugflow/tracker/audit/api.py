"""The audit log over HTTP, under /api/v1/audit."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.http.dependencies import DatabaseDep, ReadSession
from bugflow.core.http.openapi import describe_files
from bugflow.core.http.pagination import Page, decode_number_cursor, encode_cursor
from bugflow.core.http.routes import Router
from bugflow.tracker.audit.export import write_csv, write_jsonl
from bugflow.tracker.audit.queries import AuditFilter, iterate_entries, list_entries
from bugflow.tracker.audit.schemas import AuditEntryRead
from bugflow.tracker.audit.tables import AuditEntry

NOBODY = 0
"""The number of no user."""

WRITERS = {"csv": write_csv, "jsonl": write_jsonl}
MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
Format = Literal["csv", "jsonl"]


def to_utc(moment: datetime) -> datetime:
    """Return a moment in UTC; without a zone it is taken to be in UTC."""
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("The moment is outside the years 1 to 9999.") from error


Moment = Annotated[datetime, AfterValidator(to_utc)]
Action = Annotated[
    str, Query(max_length=60, description="An action (`issue.changed`), or all of an area (`issue.`, with the dot).")
]
Subject = Annotated[str, Query(max_length=100, description="A kind of thing (`issue`), or one of them (`issue:7`).")]


FindActorId = Callable[[Session, str], int | None]


def build_router(*, authorize: Callable[..., object], find_actor_id: FindActorId) -> Router:
    """Return the routes. Who may read, and who an actor is, is for the accounts to say, which build on this area.

    Args:
        authorize: A dependency that refuses those who may not read the audit log.
        find_actor_id: Finds a user's number by UUID, number or e-mail address.
    """
    router = Router(prefix="/audit", tags=["audit"], dependencies=[Depends(authorize)])
    wanted_by_query: Any = Depends(_build_filter_reader(find_actor_id))

    @router.get("")
    def read_audit(
        session: ReadSession,
        wanted: AuditFilter = wanted_by_query,
        cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Page[AuditEntryRead]:
        """Read who changed what, newest first (administrators)."""
        found = list_entries(session, wanted, before_id=decode_number_cursor(cursor), limit=limit + 1)
        more = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
        return Page(items=[AuditEntryRead.model_validate(entry) for entry in found[:limit]], next_cursor=more)

    @router.get("/export", response_class=StreamingResponse, responses=describe_files(*MEDIA_TYPES.values()))
    def export_audit(
        database: DatabaseDep,
        wanted: AuditFilter = wanted_by_query,
        format: Format = "csv",  # noqa: A002 -- The parameter's name in the address.
    ) -> StreamingResponse:
        """Download the audit log, oldest first (administrators)."""
        return _export(database, wanted, format)

    return router


def _build_filter_reader(find_actor_id: FindActorId) -> Callable[..., AuditFilter]:
    """Return the dependency that reads from a query which entries are wanted."""

    def read_filter(
        session: ReadSession,
        actor: Annotated[str | None, Query(max_length=254, description="UUID, number or e-mail address.")] = None,
        action: Action | None = None,
        subject: Subject | None = None,
        since: Annotated[Moment | None, Query(description="From this moment on.")] = None,
        until: Annotated[Moment | None, Query(description="Before this moment.")] = None,
    ) -> AuditFilter:
        kind, _, identity = (subject or "").partition(":")
        return AuditFilter(
            actor_id=None if actor is None else find_actor_id(session, actor) or NOBODY,
            action=action or None,
            subject_type=kind or None,
            subject_id=identity or None,
            since=since,
            until=until,
        )

    return read_filter


def _export(database: Database, wanted: AuditFilter, kind: Format) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="audit.{kind}"'}
    lines = WRITERS[kind](_begin(iterate_entries(database, wanted)))
    return StreamingResponse(lines, media_type=MEDIA_TYPES[kind], headers=headers)


def _begin(batches: Iterator[Sequence[AuditEntry]]) -> Iterator[Sequence[AuditEntry]]:
    first = next(batches, None)  # Read before the answer begins, so that a database that is down can still be said.
    return batches if first is None else chain([first], batches)
