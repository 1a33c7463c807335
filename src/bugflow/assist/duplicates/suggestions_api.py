"""Suggested duplicates over HTTP."""

from typing import Annotated

from fastapi import Query

from bugflow.assist.duplicates.dependencies import DuplicatesDep
from bugflow.assist.duplicates.suggesting import read_draft, read_issue, suggest
from bugflow.assist.duplicates.suggestion_schemas import (
    MOST_SUGGESTED,
    USUALLY_SUGGESTED,
    PreviewAsk,
    SuggestionsRead,
)
from bugflow.core.http.dependencies import DatabaseDep
from bugflow.core.http.routes import Router
from bugflow.mlops.predictions.dependencies import PredictionLogDep
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.queries import get_issue

router = Router(tags=["duplicates"])


@router.post("/duplicates/preview")
def preview(
    body: PreviewAsk, database: DatabaseDep, duplicates: DuplicatesDep, ledger: PredictionLogDep, actor: ActorDep
) -> SuggestionsRead:
    """Suggest older issues that may be the same bug as a report that is being written; no text is stored."""
    with database.snapshot() as session:
        sought = read_draft(session, actor, body)
    return suggest(duplicates, database, actor, sought, most=body.most, ledger=ledger)


@router.get("/issues/{issue}/duplicates/suggestions")
def read_suggestions(
    issue: str,
    database: DatabaseDep,
    duplicates: DuplicatesDep,
    ledger: PredictionLogDep,
    actor: ActorDep,
    *,
    most: Annotated[int, Query(ge=1, le=MOST_SUGGESTED, description="At most so many.")] = USUALLY_SUGGESTED,
) -> SuggestionsRead:
    """Suggest older issues that may be the same bug as this one, why, and what became of them."""
    with database.snapshot() as session:
        sought = read_issue(session, actor, get_issue(session, actor, issue))
    return suggest(duplicates, database, actor, sought, most=most, ledger=ledger)
