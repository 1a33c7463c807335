"""One change of one field: what the value may be, how it reads in the history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.queries import find_user
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.errors import FieldValueError
from bugflow.tracker.issues.tables import NO_SEVERITY, Issue, IssueLabel
from bugflow.tracker.issues.vocabulary import priority_name, priority_rank
from bugflow.tracker.projects.tables import Component, Project, Severity, Team
from bugflow.tracker.projects.vocabularies import get_component, get_severity, get_team

MOST_LABELS = 50
LARGEST_AMOUNT = 100_000.0

PLAIN_FIELDS = frozenset(
    {
        "title",
        "description",
        "stack_trace",
        "environment",
        "issue_type",
        "due_on",
        "story_points",
        "estimated_hours",
        "actual_hours",
        "restricted",
    }
)
TEXT_FIELDS = frozenset({"title", "description", "stack_trace", "environment"})


@dataclass(frozen=True)
class FieldChange:
    """A field's old and new value, as a reader would write them."""

    field: str
    old: str | None
    new: str | None


def apply_changes(session: Session, issue: Issue, project: Project, changes: Mapping[str, Any]) -> list[FieldChange]:
    """Set fields of an issue and return those whose value is another now; status and sprint have their own verbs.

    Raises:
        InvalidError: A value is not possible.
    """
    made = []
    for field, value in changes.items():
        if field in PLAIN_FIELDS:
            change = _set_plain(issue, field, value)
        else:
            change = _SETTERS[field](session, issue, project, value)
        if change is not None:
            made.append(change)
    return made


def _set_plain(issue: Issue, field: str, value: Any) -> FieldChange | None:  # noqa: ANN401 -- Any field's value.
    if field == "title":
        value = " ".join(str(value).split())
        if not any(character.isprintable() and not character.isspace() for character in value):
            raise FieldValueError("title", "A title cannot be empty. Say in a few words what is wrong.")
    if isinstance(value, str) and "\0" in value:
        raise FieldValueError(field, f"The {field.replace('_', ' ')} contains a NUL character. Remove it.")
    if isinstance(value, float | int) and not isinstance(value, bool) and not 0 <= value <= LARGEST_AMOUNT:
        raise FieldValueError(field, f"{field.replace('_', ' ').capitalize()} must be from 0 to {LARGEST_AMOUNT:,.0f}.")
    old = getattr(issue, field)
    if old == value:
        return None
    setattr(issue, field, value)
    return FieldChange(field, _readable(old), _readable(value))


def _readable(value: Any) -> str | None:  # noqa: ANN401 -- Any field's value.
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _set_severity(session: Session, issue: Issue, project: Project, name: str | None) -> FieldChange | None:
    old = session.get(Severity, issue.severity_id) if issue.severity_id is not None else None
    new = None if name is None else get_severity(session, project, name)
    issue.severity_id, issue.severity_rank = (new.id, new.rank) if new else (None, NO_SEVERITY)
    return _named_change("severity", old, new)


def _set_team(session: Session, issue: Issue, project: Project, name: str | None) -> FieldChange | None:
    old = session.get(Team, issue.team_id) if issue.team_id is not None else None
    new = None if name is None else get_team(session, project, name)
    issue.team_id = new.id if new else None
    return _named_change("team", old, new)


def _set_component(session: Session, issue: Issue, project: Project, name: str | None) -> FieldChange | None:
    old = session.get(Component, issue.component_id) if issue.component_id is not None else None
    new = None if name is None else get_component(session, project, name)
    issue.component_id = new.id if new else None
    return _named_change("component", old, new)


def _named_change(
    field: str, old: Severity | Team | Component | None, new: Severity | Team | Component | None
) -> FieldChange | None:
    if (old.id if old else None) == (new.id if new else None):
        return None
    return FieldChange(field, old.name if old else None, new.name if new else None)


def _set_assignee(session: Session, issue: Issue, _: Project, reference: Any) -> FieldChange | None:  # noqa: ANN401 -- UUID, number or e-mail.
    new = None if reference is None else find_user(session, reference)
    if reference is not None and (new is None or not new.is_active):
        raise FieldValueError("assignee", f"There is no active user {str(reference)!r} to assign to.")
    old = session.get(User, issue.assignee_id) if issue.assignee_id is not None else None
    if (old.id if old else None) == (new.id if new else None):
        return None
    issue.assignee_id = new.id if new else None
    return FieldChange("assignee", old.name if old else None, new.name if new else None)


def _set_priority(_: Session, issue: Issue, __: Project, name: str | None) -> FieldChange | None:
    old = priority_name(issue.priority_rank)
    if old == name:
        return None
    issue.priority_rank = priority_rank(name)
    return FieldChange("priority", old, name)


def _set_labels(session: Session, issue: Issue, _: Project, labels: list[str]) -> FieldChange | None:
    wanted = sorted({" ".join(label.split()) for label in labels if label.strip()})
    if any("\0" in label for label in wanted):
        raise FieldValueError("labels", "A label contains a NUL character. Remove it.")
    if len(wanted) > MOST_LABELS:
        raise FieldValueError("labels", f"An issue has at most {MOST_LABELS} labels, these are {len(wanted)}.")
    rows = session.scalars(select(IssueLabel).where(IssueLabel.issue_id == issue.id)).all()
    present = sorted(row.label for row in rows)
    if present == wanted:
        return None
    for row in rows:
        if row.label not in wanted:
            session.delete(row)
    session.add_all(IssueLabel(issue_id=issue.id, label=label) for label in wanted if label not in present)
    return FieldChange("labels", ", ".join(present) or None, ", ".join(wanted) or None)


_SETTERS: dict[str, Callable[[Session, Issue, Project, Any], FieldChange | None]] = {
    "severity": _set_severity,
    "team": _set_team,
    "component": _set_component,
    "assignee": _set_assignee,
    "priority": _set_priority,
    "labels": _set_labels,
}

CHANGEABLE_FIELDS = PLAIN_FIELDS | frozenset(_SETTERS) | {"status", "resolution"}
