"""Which features are switched off; a project's own switch and that of all projects both count."""

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, or_, select, true
from sqlalchemy.orm import Session

from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.switches.tables import FeatureSwitch


def _select_latest(condition: ColumnElement[bool]) -> Select[FeatureSwitch]:
    """Return what finds the latest row of each feature and project; the condition is about projects."""
    latest = select(func.max(FeatureSwitch.id)).where(condition)
    latest = latest.group_by(FeatureSwitch.feature, FeatureSwitch.project_id)
    return select(FeatureSwitch).where(FeatureSwitch.id.in_(latest)).order_by(FeatureSwitch.feature, FeatureSwitch.id)


# Built once: building a statement costs more than running it.
_PROJECT = bindparam("project", type_=Integer)
_OF_PROJECT = _select_latest(or_(FeatureSwitch.project_id.is_(None), FeatureSwitch.project_id == _PROJECT))
_ALL = _select_latest(true())


def list_switched_off(session: Session, project_id: int | None) -> frozenset[str]:
    """Return the features that are off for a project; with none, those that are off for all projects."""
    found = session.scalars(_OF_PROJECT, {"project": project_id})
    return frozenset(switch.feature for switch in found if not switch.is_on)


def is_switched_on(session: Session, feature: ModelType, project_id: int | None) -> bool:
    """Whether a feature is on for a project; with none, whether it is on where no project says otherwise."""
    return feature not in list_switched_off(session, project_id)


def list_switches(session: Session) -> list[FeatureSwitch]:
    """Return the latest switch of each feature and project, those that are on again among them."""
    return list(session.scalars(_ALL))
