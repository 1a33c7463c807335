"""Exporting issues over HTTP."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse

from bugflow.core.http.dependencies import DatabaseDep
from bugflow.core.http.openapi import describe_files
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.exports.reading import Part, Record, read_records
from bugflow.tracker.exports.writing import MEDIA_TYPES, Format, write_export
from bugflow.tracker.search.language import parse_query

router = Router(tags=["search"])


@router.get("/issues/export", response_class=StreamingResponse, responses=describe_files(*MEDIA_TYPES.values()))
def export_issues(
    database: DatabaseDep,
    actor: ActorDep,
    q: Annotated[str, Query(max_length=1000, description="A query; without one, every issue you may see.")] = "",
    format: Format = "csv",  # noqa: A002 -- The parameter's name in the address.
    part: Annotated[list[Part] | None, Query(description="What else each issue brings along, but in CSV.")] = None,
) -> StreamingResponse:
    """Download the issues you may see, oldest first."""
    batches = read_records(database, actor, parse_query(q), parts=part or ())
    return StreamingResponse(
        write_export(_begin(batches), format),
        media_type=MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="issues.{format}"', "X-Content-Type-Options": "nosniff"},
    )


def _begin(batches: Iterator[list[Record]]) -> Iterator[list[Record]]:
    first = next(batches, None)  # Read before the answer begins, so that what is wrong can still be said.
    return iter(()) if first is None else chain([first], batches)
