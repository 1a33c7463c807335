"""Switching features off and on, with who, when and why."""

from datetime import datetime

from sqlalchemy.orm import Session

from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.switches.errors import SwitchReasonError
from bugflow.mlops.switches.tables import FeatureSwitch
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.projects.tables import Project

LONGEST_REASON = 500


def switch_feature(
    session: Session,
    feature: ModelType,
    *,
    project: Project | None,
    on: bool,
    reason: str,
    actor: Actor,
    now: datetime,
) -> FeatureSwitch:
    """Switch a feature off or on for a project, or with none for all; every process sees it at its next request.

    Off for all is off for each project, whatever its own switch says. Switching twice is no error: why is kept twice.

    Raises:
        MissingPermissionError: The actor may not choose models.
        SwitchReasonError: There is no reason, or a longer one than can be kept.
    """
    actor.require(Permission.MANAGE_MODELS)
    said = reason.strip()
    if not 0 < len(said) <= LONGEST_REASON:
        raise SwitchReasonError(feature)
    switch = FeatureSwitch(
        feature=feature,
        project_id=None if project is None else project.id,
        is_on=on,
        reason=said,
        actor_id=actor.user_id,
        actor_name=actor.name,
        created_at=now,
    )
    session.add(switch)
    where = "all" if project is None else project.key
    record_audit(
        session,
        actor,
        "feature.switched",
        subject=("feature", f"{feature}/{where}"),
        now=now,
        after={"on": on, "reason": said},
    )
    session.flush()
    return switch
