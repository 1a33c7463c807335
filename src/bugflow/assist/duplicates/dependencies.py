"""What endpoints ask for: the issues of the process, ready to be searched for duplicates; what its pages need."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from bugflow.assist.duplicates.hosting import DuplicateHost
from bugflow.core.database import Database
from bugflow.core.http.dependencies import DatabaseDep
from bugflow.mlops.predictions.dependencies import PredictionLogDep
from bugflow.mlops.predictions.writing import PredictionLog
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.web.rendering import Renderer, RendererDep


async def get_duplicates(request: Request) -> DuplicateHost:
    """Return the application's issues in memory."""
    return cast("DuplicateHost", request.app.state.duplicates)


DuplicatesDep = Annotated[DuplicateHost, Depends(get_duplicates)]


@dataclass(frozen=True)
class Visit:
    """Who asks for a page, and what it takes to answer."""

    request: Request
    actor: Actor
    database: Database
    duplicates: DuplicateHost
    ledger: PredictionLog
    renderer: Renderer


async def get_visit(
    request: Request,
    actor: ActorDep,
    database: DatabaseDep,
    duplicates: DuplicatesDep,
    ledger: PredictionLogDep,
    renderer: RendererDep,
) -> Visit:
    """Return who asks for a page."""
    return Visit(request, actor, database, duplicates, ledger, renderer)


VisitDep = Annotated[Visit, Depends(get_visit)]
