"""An installation's own past as of a moment: its issues as filed, and what people had merged and rejected by then."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import polars as pl
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.core.database import Database
from bugflow.mlops.datasets.rows import MOMENT, Change, hide_person, read_as_filed
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.duplicates import DUPLICATE_OF
from bugflow.tracker.issues.tables import Issue, IssueChange, IssueRelation
from bugflow.tracker.issues.vocabulary import FINISHED, priority_name
from bugflow.tracker.projects.tables import Component, Project

PAST: Mapping[str, Any] = {
    **dict.fromkeys(("issue_id", "project", "title", "description", "stack_trace"), pl.String),
    **dict.fromkeys(("component", "priority", "issue_type", "reporter"), pl.String),
    "created_at": MOMENT,
    "closed_at": MOMENT,
    "duplicate_of": pl.String,
    "known_at": MOMENT,
    "doubtful": pl.Boolean,
    "settled": pl.Boolean,
}
"""The columns of a past, a row for each issue, the oldest first; `History` says what doubtful and settled mean.

`known_at`: from when on it was known what the issue is a duplicate of.
"""
_FOLLOWED = (
    *("title", "description", "stack_trace", "component", "priority", "issue_type"),
    *("status", "resolution", DUPLICATE_OF),
)

# Built once: building a statement costs more than running it.
_ISSUES = (
    select(
        *(Issue.id, Issue.key, Project.key, Issue.title, Issue.description, Issue.stack_trace, Issue.issue_type),
        *(Component.name, Issue.priority_rank, User.uuid, Issue.status, Issue.resolution),
        *(Issue.created_at, Issue.resolved_at, Issue.closed_at),
    )
    .join(Project, Project.id == Issue.project_id)
    .join(User, User.id == Issue.reporter_id)
    .outerjoin(Component, Component.id == Issue.component_id)
    .where(Issue.created_at <= bindparam("as_of"))
    .order_by(Issue.created_at, Issue.id)
)
_CHANGES = (
    select(IssueChange.issue_id, IssueChange.field, IssueChange.at, IssueChange.old, IssueChange.new)
    .where(IssueChange.field.in_(_FOLLOWED))
    .order_by(IssueChange.at, IssueChange.id)
)
_LINKS = select(
    IssueRelation.source_id, IssueRelation.target_id, IssueRelation.created_at, IssueRelation.created_by_id
).where(IssueRelation.kind == DUPLICATE_OF)
_REJECTIONS = (
    select(DuplicateVerdict.source_id, DuplicateVerdict.target_id, DuplicateVerdict.verdict)
    .where(DuplicateVerdict.verdict.in_(("rejected", "withdrawn")), DuplicateVerdict.created_at <= bindparam("as_of"))
    .order_by(DuplicateVerdict.id)
)


class _Row(NamedTuple):
    """An issue as it is now."""

    issue_id: int
    key: str
    project: str
    title: str
    description: str
    stack_trace: str
    issue_type: str
    component: str | None
    priority_rank: int | None
    reporter: UUID
    status: str
    resolution: str | None
    created_at: datetime
    resolved_at: datetime | None
    closed_at: datetime | None


class _Link(NamedTuple):
    """What an issue is a duplicate of now; made by nobody where it was imported."""

    target_id: int
    made_at: datetime
    made_by: int | None


@dataclass(frozen=True)
class _Said:
    """What was said of all issues, whenever.

    Attributes:
        changes: By issue, the oldest first.
        keys: By number, of the issues that were filed by the moment.
        rejected: Issues of which a person had said by the moment that they are no duplicate of another.
    """

    as_of: datetime
    changes: Mapping[int, Sequence[Change]]
    links: Mapping[int, _Link]
    keys: Mapping[int, str]
    rejected: frozenset[int]


def read_past(database: Database, *, as_of: datetime) -> pl.DataFrame:
    """Return the past of all issues, with the columns of `PAST`.

    Texts and fields are those of the filing. What was filed, merged, unmerged, rejected or closed after the moment is
    not there. A merge that was taken back is none; who rejected a suggestion has said that the report is a bug of its
    own. Merges count as known from when they were made, imported ones from when the duplicate was closed: like an
    imported issue they count from when people elsewhere said so.
    """
    with database.snapshot() as session:
        rows = [_Row._make(row) for row in session.execute(_ISSUES, {"as_of": as_of})]
        said = _Said(
            as_of=as_of,
            changes=_read_changes(session),
            links={row[0]: _Link(*row[1:]) for row in session.execute(_LINKS)},
            keys={row.issue_id: row.key for row in rows},
            rejected=_list_rejected(session, as_of),
        )
    records = [_build_record(row, said) for row in rows]
    return pl.DataFrame({name: [record[name] for record in records] for name in PAST}, schema=dict(PAST))


def _read_changes(session: Session) -> dict[int, list[Change]]:
    found: defaultdict[int, list[Change]] = defaultdict(list)
    for issue_id, field, at, old, new in session.execute(_CHANGES):
        found[issue_id].append(Change(field, at, old, new))
    return found


def _list_rejected(session: Session, as_of: datetime) -> frozenset[int]:
    rejected: dict[tuple[int, int], bool] = {}
    for source, target, verdict in session.execute(_REJECTIONS, {"as_of": as_of}):
        rejected[source, target] = verdict == "rejected"
    return frozenset(source for (source, _), holds in rejected.items() if holds)


def _build_record(row: _Row, said: _Said) -> dict[str, Any]:
    changes = said.changes.get(row.issue_id, ())
    closed_at = _find_closed(row, changes, said.as_of)
    target, known_at = _find_link(row, changes, said, closed_at)
    resolution = _look_back(row.resolution, "resolution", _since(changes, said.as_of))
    filed = {
        "title": row.title,
        "description": row.description,
        "stack_trace": row.stack_trace,
        "component": row.component or "",
        "priority": priority_name(row.priority_rank) or "",
        "issue_type": row.issue_type,
    }
    return {
        "issue_id": row.key,
        "project": row.project,
        **{name: read_as_filed(value, name, changes) for name, value in filed.items()},
        "reporter": hide_person(str(row.reporter)),
        "created_at": row.created_at,
        "closed_at": closed_at,
        "duplicate_of": target,
        "known_at": known_at,
        "doubtful": resolution == "duplicate",
        "settled": resolution == "fixed" or row.issue_id in said.rejected,
    }


def _since(changes: Iterable[Change], as_of: datetime) -> list[Change]:
    return [change for change in changes if change.at is not None and change.at > as_of]


def _look_back(current: str | None, name: str, later: Iterable[Change]) -> str | None:
    """Return a value as it was before later changes, the oldest of these first."""
    return next((change.old for change in later if change.field == name), current)


def _find_closed(row: _Row, changes: Sequence[Change], as_of: datetime) -> datetime | None:
    """Return since when an issue was finished at the moment; none where it was not, or nobody knows."""
    if _look_back(row.status, "status", _since(changes, as_of)) not in FINISHED:
        return None
    done = row.resolved_at or row.closed_at
    if done is not None and done <= as_of:
        return done
    ended = [
        change.at
        for change in changes
        if change.field == "status" and change.at is not None and change.at <= as_of
        if change.new in FINISHED and change.old not in FINISHED
    ]
    return ended[-1] if ended else None


def _find_link(
    row: _Row, changes: Sequence[Change], said: _Said, closed_at: datetime | None
) -> tuple[str | None, datetime | None]:
    """Return what an issue was a duplicate of at the moment, and since when that was known."""
    link = said.links.get(row.issue_id)
    told = [change for change in changes if change.field == DUPLICATE_OF]
    later = _since(told, said.as_of)
    if later:  # It was made, taken back or led elsewhere since: the history knows what was before, but of an import.
        target = later[0].old
        made = [change.at for change in told if change.old is None and change not in later]
        known = made[-1] if made else closed_at
    elif link is not None:
        target = said.keys.get(link.target_id)
        known = link.made_at if link.made_by is not None else min(link.made_at, closed_at or link.made_at)
    else:
        return None, None
    known = max(known or row.created_at, row.created_at)
    return (target, known) if target is not None and known <= said.as_of else (None, None)
