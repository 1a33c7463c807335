"""Trainings over HTTP, under /api/v1/models/trainings."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.pagination import Page, decode_number_cursor, encode_cursor
from bugflow.core.http.routes import Router
from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.training.dependencies import ReadinessDep
from bugflow.mlops.training.jobs import ask_for_training
from bugflow.mlops.training.queries import get_training, list_trainings
from bugflow.mlops.training.schemas import TrainingAsk, TrainingLog, TrainingRead
from bugflow.mlops.training.service import choose_issues
from bugflow.mlops.training.tables import Training
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.roles import Permission

router = Router(prefix="/models/trainings", tags=["models"])

BY_API = "It was asked for over the API."


@router.post("", response_model=TrainingRead, status_code=status.HTTP_202_ACCEPTED)
def start_training(body: TrainingAsk, session: WriteSession, actor: ActorDep, readiness: ReadinessDep) -> Training:
    """Train a model in the background (project managers); one at a time of each task."""
    actor.require(Permission.MANAGE_MODELS)
    readiness.require(body.task)
    scope, query = choose_issues(session, actor, body.project, body.query)
    return ask_for_training(
        session,
        body.task,
        scope=scope,
        trigger=body.trigger,
        reason=body.reason or BY_API,
        actor=actor,
        now=utc_now(),
        options=body.model_dump(include={"backend", "least", "seed", "then"}) | {"query": query},
    )


@router.get("")
def read_trainings(
    session: ReadSession,
    actor: ActorDep,
    task: Annotated[ModelType | None, Query(description="Only those of one task.")] = None,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[TrainingRead]:
    """Read trainings, the latest first (project managers)."""
    actor.require(Permission.MANAGE_MODELS)
    found = list_trainings(session, task=task, before_id=decode_number_cursor(cursor), limit=limit + 1)
    more = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[TrainingRead.model_validate(each) for each in found[:limit]], next_cursor=more)


@router.get("/{training_id}", response_model=TrainingLog)
def read_training(training_id: UUID, session: ReadSession, actor: ActorDep) -> Training:
    """Read how far a training is, and its log (project managers)."""
    actor.require(Permission.MANAGE_MODELS)
    return get_training(session, training_id)
