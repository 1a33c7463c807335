"""What became of predictions: what people said of the fields. Of duplicates the area above knows."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.registry.versions import TRIAGE_TYPES
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.audit.tables import AuditEntry
from bugflow.tracker.issues.queries import find_issue, view_issue
from bugflow.tracker.issues.tables import Issue, IssueChange
from bugflow.tracker.issues.vocabulary import priority_name

Settle = Callable[[Session, int, Collection[str]], None]
"""Brings the outcomes of an issue's predictions of some fields in line with what people say."""


@dataclass(frozen=True, slots=True)
class Word:
    """What a person said of a field; the truth is none where they took the label away."""

    truth: str | None
    role: str
    at: datetime


def settle_issue(session: Session, issue_id: int, fields: Collection[str] = TRIAGE_TYPES) -> None:
    """Bring the outcome of every prediction of an issue's fields in line with the latest word of a person.

    It reads everything anew, so it may be called in any order and again.
    """
    wanted = [field for field in TRIAGE_TYPES if field in fields]
    rows = session.scalars(
        select(Prediction).where(Prediction.issue_id == issue_id, Prediction.field.in_(wanted))
    ).all()
    issue = find_issue(session, issue_id) if rows else None
    if issue is None:
        return
    words = find_words(session, issue, {row.field for row in rows})
    for row in rows:
        word = words.get(row.field)
        row.truth = word.truth if word is not None else None
        row.outcome = None if row.truth is None else tell_outcome(row.label, row.truth)
        row.settled_by = word.role if word is not None else None
        row.settled_at = word.at if word is not None else None
    session.flush()


def tell_outcome(label: str | None, truth: str) -> str:
    """Return whether a label was right; where none could be said, it was not."""
    return "right" if label is not None and label.casefold() == truth.casefold() else "wrong"


def find_words(session: Session, issue: Issue, fields: Iterable[str]) -> dict[str, Word]:
    """Return by field the latest word of a person: at the report, by a change, or by a correction that confirms."""
    changes = session.scalars(
        select(IssueChange).where(IssueChange.issue_id == issue.id).order_by(IssueChange.id)
    ).all()
    corrections = session.scalars(
        select(Correction).where(Correction.issue_id == issue.id).order_by(Correction.id)
    ).all()
    roles = _find_roles(session, changes)
    first_values, reporter_role = _read_first_values(session, issue, changes), _find_reporter_role(session, issue)
    found = {}
    for field in fields:
        words = []
        if reporter_role is not None and first_values.get(field):
            words.append(Word(first_values[field], reporter_role, issue.created_at))
        words += [
            Word(each.new, roles[each.actor_id], each.at)
            for each in changes
            if each.field == field and each.actor_id in roles
        ]
        words += [
            Word(each.new_value, each.author_role, each.created_at) for each in corrections if each.field == field
        ]
        latest = max(enumerate(words), key=lambda told: (told[1].at, told[0]), default=None)
        if latest is not None and latest[1].truth is not None:
            found[field] = latest[1]
    return found


def _find_roles(session: Session, changes: Sequence[IssueChange]) -> dict[int | None, str]:
    people = {each.actor_id for each in changes if each.actor_id is not None}
    rows = session.execute(select(User.id, User.role).where(User.id.in_(people))) if people else ()
    return {row.id: row.role for row in rows}


def _find_reporter_role(session: Session, issue: Issue) -> str | None:
    """Return the role of the person who reported an issue; none where a program or an import did."""
    return session.scalar(
        select(User.role)
        .join(AuditEntry, AuditEntry.actor_id == User.id)
        .where(AuditEntry.subject_type == "issue", AuditEntry.subject_id == str(issue.id))
        .where(AuditEntry.action == "issue.reported")
    )


def _read_first_values(session: Session, issue: Issue, changes: Sequence[IssueChange]) -> dict[str, str | None]:
    """Return by field what an issue was reported with: what its first change replaced, else what it has."""
    view = view_issue(session, issue)
    named = {"severity": view.severity, "team": view.team, "component": view.component}
    values = {field: entry.name if entry is not None else None for field, entry in named.items()}
    values["priority"] = priority_name(issue.priority_rank)
    for change in reversed(changes):
        if change.field in values:
            values[change.field] = change.old
    return values
