"""From a query to conditions on issues; nothing of a query's text becomes part of an SQL statement."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, String, and_, bindparam, false, func, not_, or_, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.tables import Attachment, Issue, IssueLabel, IssueRelation, Watcher
from bugflow.tracker.issues.vocabulary import FINISHED, UNFINISHED, priority_rank
from bugflow.tracker.projects.tables import Component, Project, Severity, Team
from bugflow.tracker.search.language import Filter, Query, Range
from bugflow.tracker.sprints.tables import Sprint

Condition = ColumnElement[bool]
NOTHING = "none"
ME = "@me"

_COLUMNS: dict[str, Any] = {
    "created": Issue.created_at,
    "updated": Issue.updated_at,
    "resolved": Issue.resolved_at,
    "due": Issue.due_on,
    "points": Issue.story_points,
    "id": Issue.id,
}
_NAMED: dict[str, tuple[Any, Any]] = {
    "severity": (Issue.severity_id, Severity),
    "team": (Issue.team_id, Team),
    "component": (Issue.component_id, Component),
    "sprint": (Issue.sprint_id, Sprint),
}


# Built once: building a statement costs more than running it.
_NUMBERS_BY_NAME = {
    field: select(table.id).where(func.lower(table.name) == bindparam("name", type_=String))
    for field, (_, table) in _NAMED.items()
}
_ACTIVE_SPRINTS = select(Sprint.id).where(Sprint.state == "active")
_NAMES: BindParameter[str] = bindparam("names", expanding=True)
_PROJECTS = select(Project.id).where(or_(func.lower(Project.key).in_(_NAMES), func.lower(Project.name).in_(_NAMES)))
_USERS = select(User.id).where(
    or_(User.email == bindparam("name"), func.lower(User.name) == bindparam("name", type_=String))
)


def build_conditions(session: Session, query: Query, viewer: Actor, *, today: date) -> list[Condition]:
    """Return the conditions of a query's filters and ranges; its words are for the full-text index."""
    conditions = [
        _turned(_filter_condition(session, each, viewer, today), negated=each.negated) for each in query.filters
    ]
    return conditions + [_turned(_range_condition(each), negated=each.negated) for each in query.ranges]


def _turned(condition: Condition, *, negated: bool) -> Condition:
    return not_(func.coalesce(condition, false())) if negated else condition


def _filter_condition(session: Session, wanted: Filter, viewer: Actor, today: date) -> Condition:
    values, field = wanted.values, wanted.field
    if field in _NAMED:
        return or_(*(_named(session, field, each) for each in values))
    if field in {"assignee", "reporter", "watcher"}:
        return or_(*(_person(session, field, each, viewer) for each in values))
    if field == "is":
        return or_(*(_state(each, viewer, today) for each in values))
    if field == "has":
        return or_(*(_having(each) for each in values))
    if field == "label":
        return or_(*(Issue.id.in_(_labelled(each)) for each in values))
    return _valued(session, field, values)


def _valued(session: Session, field: str, values: tuple[str, ...]) -> Condition:
    conditions: dict[str, Callable[[], Condition]] = {
        "status": lambda: Issue.status.in_(values),
        "resolution": lambda: Issue.resolution.in_(values),
        "type": lambda: Issue.issue_type.in_(values),
        "priority": lambda: Issue.priority_rank.in_([priority_rank(each) for each in values]),
        "key": lambda: Issue.key.in_([each.upper() for each in values]),
        "project": lambda: Issue.project_id.in_(_find(session, _PROJECTS, names=[each.lower() for each in values])),
    }
    return conditions[field]()


def _state(state: str, viewer: Actor, today: date) -> Condition:
    conditions: dict[str, Condition] = {
        "open": Issue.status.in_(sorted(UNFINISHED)),
        "closed": Issue.status.in_(sorted(FINISHED)),
        "in_progress": Issue.status == "in_progress",
        "resolved": Issue.status == "resolved",
        "unassigned": Issue.assignee_id.is_(None),
        "overdue": and_(Issue.due_on < today, Issue.status.in_(sorted(UNFINISHED))),
        "duplicate": Issue.id.in_(select(IssueRelation.source_id).where(IssueRelation.kind == "duplicate_of")),
        "watched": Issue.id.in_(select(Watcher.issue_id).where(Watcher.user_id == viewer.user_id)),
        "restricted": Issue.restricted.is_(True),
    }
    return conditions[state]


def _having(what: str) -> Condition:
    conditions: dict[str, Condition] = {
        "attachment": Issue.id.in_(select(Attachment.issue_id)),
        "comments": Issue.comment_count > 0,
        "trace": Issue.stack_trace != "",
        "due": Issue.due_on.is_not(None),
        "points": Issue.story_points.is_not(None),
    }
    return conditions[what]


def _labelled(label: str) -> Select[int]:
    return select(IssueLabel.issue_id).where(func.lower(IssueLabel.label) == label.lower())


def _person(session: Session, field: str, name: str, viewer: Actor) -> Condition:
    if name.lower() == NOTHING and field == "assignee":
        return Issue.assignee_id.is_(None)
    if name.lower() == ME:
        users = [viewer.user_id] if viewer.user_id is not None else []
    else:
        users = _find(session, _USERS, name=name.lower())
    if field == "watcher":
        return Issue.id.in_(select(Watcher.issue_id).where(Watcher.user_id.in_(users)))
    column = Issue.assignee_id if field == "assignee" else Issue.reporter_id
    return column.in_(users)


def _named(session: Session, field: str, name: str) -> Condition:
    column, _ = _NAMED[field]
    if name.lower() == NOTHING:
        return column.is_(None)  # type: ignore[no-any-return]
    numbers = _find(session, _NUMBERS_BY_NAME[field], name=name.lower())
    if field == "sprint" and name.lower() in {"active", "current"}:
        numbers += _find(session, _ACTIVE_SPRINTS)
    return column.in_(numbers)  # type: ignore[no-any-return]


def _find(session: Session, statement: Select[int], **values: object) -> list[int]:
    return list(session.scalars(statement, values))


def _range_condition(wanted: Range) -> Condition:
    column = _COLUMNS[wanted.field]
    bounds = []
    if wanted.least is not None:
        bounds.append(column >= _bound(wanted.field, wanted.least, 0))
    if wanted.most is not None:
        end = _bound(wanted.field, wanted.most, 1)
        bounds.append(column < end if isinstance(end, datetime) else column <= end)
    return and_(column.is_not(None), *bounds)


def _bound(field: str, value: float | date, days: int) -> float | date | datetime:
    if isinstance(value, date) and field != "due":
        return datetime.combine(value + timedelta(days=days), time(), UTC)
    return value
