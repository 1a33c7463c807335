"""Which labels issues have and projects know, of each field that is learned."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bugflow.mlops.registry.versions import TriageType
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import PRIORITIES, priority_name
from bugflow.tracker.projects.tables import Component, Project, Severity, Team
from bugflow.tracker.projects.vocabularies import list_components, list_severities, list_teams

_NAMES = {"severity": Severity.name, "team": Team.name, "component": Component.name}
_JOINS = {
    "severity": (Severity, Severity.id == Issue.severity_id),
    "team": (Team, Team.id == Issue.team_id),
    "component": (Component, Component.id == Issue.component_id),
}


def count_labels(session: Session, model_type: TriageType, *conditions: ColumnElement[bool]) -> dict[str, int]:
    """Return how many issues have each label now, by its name; those without one are left out."""
    if model_type == "priority":
        ranked = select(Issue.priority_rank, func.count()).where(Issue.priority_rank.is_not(None), *conditions)
        found = session.execute(ranked.group_by(Issue.priority_rank))
        return {priority_name(rank) or "": count for rank, count in found}
    name = _NAMES[model_type]
    named = select(name, func.count()).select_from(Issue).join(*_JOINS[model_type]).where(*conditions)
    return dict(session.execute(named.group_by(name)).all())


def list_labels(session: Session, model_type: TriageType, project: Project) -> Sequence[str]:
    """Return the labels that a project's issues can have."""
    if model_type == "severity":
        return [each.name for each in list_severities(session, project.id)]
    if model_type == "team":
        return [each.name for each in list_teams(session, project.id)]
    if model_type == "component":
        return [each.name for each in list_components(session, project.id)]
    return PRIORITIES
