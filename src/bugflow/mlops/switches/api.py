"""Switches over HTTP, under /api/v1/models."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.routes import Router
from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.switches.queries import list_switches
from bugflow.mlops.switches.service import LONGEST_REASON, switch_feature
from bugflow.mlops.switches.tables import FeatureSwitch
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.schemas import NO_NUL
from bugflow.tracker.projects.queries import get_project, visible_to
from bugflow.tracker.projects.tables import Project

router = Router(prefix="/models", tags=["models"])


class SwitchWrite(BaseModel):
    """A feature is to be on or off from now on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"on": False, "project": "WEB", "reason": "The teams are reorganised."}]},
    )

    on: bool
    project: Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=NO_NUL)] | None = Field(
        default=None, description="Key, name or UUID; without it the switch is for all projects."
    )
    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON, pattern=NO_NUL)
    ] = Field(description="Why; kept, and shown to whoever asks.")


class SwitchRead(BaseModel):
    """How a feature was switched last."""

    feature: str
    project: str | None = Field(description="The project's key; null for all projects.")
    on: bool
    reason: str
    by: str
    at: datetime

    @classmethod
    def of(cls, switch: FeatureSwitch, project: str | None) -> "SwitchRead":
        """Return a switch as the API shows it."""
        return cls(
            feature=switch.feature,
            project=project,
            on=switch.is_on,
            reason=switch.reason,
            by=switch.actor_name,
            at=switch.created_at,
        )


@router.get("/switches")
def read_switches(session: ReadSession, actor: ActorDep) -> list[SwitchRead]:
    """Read which features were switched off or on, where, by whom and why (project managers)."""
    actor.require(Permission.MANAGE_MODELS)
    return describe_switches(session, actor)


@router.put("/{model_type}/switch")
def put_switch(model_type: ModelType, body: SwitchWrite, session: WriteSession, actor: ActorDep) -> SwitchRead:
    """Switch a feature off or on, for one project or for all, at once and everywhere (project managers)."""
    actor.require(Permission.MANAGE_MODELS)
    project = None if body.project is None else get_project(session, actor, body.project)
    switch = switch_feature(
        session, model_type, project=project, on=body.on, reason=body.reason, actor=actor, now=utc_now()
    )
    return SwitchRead.of(switch, None if project is None else project.key)


def describe_switches(session: Session, viewer: Actor) -> list[SwitchRead]:
    """Return the latest switches: those of all projects, and of the projects that the viewer may see."""
    switches = list_switches(session)
    numbers = {switch.project_id for switch in switches if switch.project_id is not None}
    found = session.execute(select(Project.id, Project.key).where(Project.id.in_(numbers), visible_to(viewer)))
    keys = dict(found.all())
    return [
        SwitchRead.of(each, None if each.project_id is None else keys[each.project_id])
        for each in switches
        if each.project_id is None or each.project_id in keys
    ]
