"""Monitoring over HTTP, under /api/v1/models."""

from typing import Annotated, cast

from fastapi import Depends, Query, Request

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, StorageDep
from bugflow.core.http.routes import Router
from bugflow.mlops.monitoring.alarms import find_alarms
from bugflow.mlops.monitoring.figures import MOST_DAYS, USUAL_DAYS
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.report import monitor
from bugflow.mlops.monitoring.schemas import AlarmRead, MonitoringRead
from bugflow.mlops.registry.versions import ModelType
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.projects.queries import get_project

router = Router(prefix="/models", tags=["models"])


async def get_options(request: Request) -> WatchOptions:
    """Return what is promised of models."""
    return cast("WatchOptions", request.app.state.watching)


WatchDep = Annotated[WatchOptions, Depends(get_options)]
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="So many of the latest days are looked at.")]


@router.get("/alarms")
def read_alarms(
    session: ReadSession, storage: StorageDep, options: WatchDep, actor: ActorDep, days: Days = USUAL_DAYS
) -> list[AlarmRead]:
    """Read what is not as it should be with the models in use, the gravest first (project managers)."""
    actor.require(Permission.MANAGE_MODELS)
    found = find_alarms(session, storage, viewer=actor, options=options, now=utc_now(), days=days)
    return [AlarmRead.model_validate(alarm) for alarm in found]


@router.get("/{model_type}/monitoring")
def read_monitoring(
    model_type: ModelType,
    session: ReadSession,
    storage: StorageDep,
    options: WatchDep,
    actor: ActorDep,
    *,
    project: Annotated[str | None, Query(max_length=120, description="Key, name or UUID; all without it.")] = None,
    days: Days = USUAL_DAYS,
) -> MonitoringRead:
    """Read how the models of a field have done, and whether reports have changed (project managers)."""
    actor.require(Permission.MANAGE_MODELS)
    chosen = None if project is None else get_project(session, actor, project)
    return MonitoringRead.of(
        monitor(session, storage, model_type, viewer=actor, options=options, now=utc_now(), project=chosen, days=days)
    )
