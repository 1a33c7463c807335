"""The predictions ledger over HTTP, under /api/v1/predictions."""

from typing import Annotated

from fastapi import Query

from bugflow.core.http.dependencies import ReadSession
from bugflow.core.http.pagination import Page, decode_number_cursor, encode_cursor
from bugflow.core.http.routes import Router
from bugflow.mlops.predictions.queries import LedgerFilter, Outcome, list_ledger
from bugflow.mlops.predictions.schemas import LedgerEntryRead
from bugflow.mlops.registry.versions import ModelType
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.issues.queries import get_issue

router = Router(prefix="/predictions", tags=["predictions"])


@router.get("")
def read_ledger(
    session: ReadSession,
    actor: ActorDep,
    issue: Annotated[str | None, Query(max_length=60, description="Number, key or UUID.")] = None,
    field: ModelType | None = None,
    version: Annotated[str | None, Query(max_length=120, description="A model's version, by its whole name.")] = None,
    outcome: Annotated[Outcome | None, Query(description="`open` until a person has said what is right.")] = None,
    *,
    shown: Annotated[bool | None, Query(description="Whether somebody got it as an answer.")] = None,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[LedgerEntryRead]:
    """Read what models have said of reports, and what became of it, newest first (project managers)."""
    actor.require(Permission.MANAGE_MODELS)
    wanted = LedgerFilter(
        issue_id=None if issue is None else get_issue(session, actor, issue).id,
        field=field,
        version=version,
        outcome=outcome,
        shown=shown,
    )
    found = list_ledger(session, actor, wanted, before_id=decode_number_cursor(cursor), limit=limit + 1)
    more = encode_cursor([found[limit - 1].prediction.id]) if len(found) > limit else None
    return Page(items=[LedgerEntryRead.of(row) for row in found[:limit]], next_cursor=more)
