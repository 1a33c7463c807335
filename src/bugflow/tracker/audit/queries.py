"""Reading the audit log, a page at a time or all of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.tracker.audit.tables import AuditEntry

BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted; what is none does not matter.

    Attributes:
        action: A whole action (`issue.changed`), or an area with a dot at its end (`issue.`).
        since: The first moment.
        until: The first moment that is too late.
    """

    actor_id: int | None = None
    action: str | None = None
    subject_type: str | None = None
    subject_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def to_conditions(self) -> list[ColumnElement[bool]]:
        """Return the filter in SQL."""
        conditions: list[ColumnElement[bool]] = []
        if self.actor_id is not None:
            conditions.append(AuditEntry.actor_id == self.actor_id)
        if self.action is not None:
            whole = not self.action.endswith(".")
            conditions.append(
                AuditEntry.action == self.action
                if whole
                else AuditEntry.action.startswith(self.action, autoescape=True)
            )
        if self.subject_type is not None:
            conditions.append(AuditEntry.subject_type == self.subject_type)
        if self.subject_id is not None:
            conditions.append(AuditEntry.subject_id == self.subject_id)
        if self.since is not None:
            conditions.append(AuditEntry.at >= self.since)
        if self.until is not None:
            conditions.append(AuditEntry.at < self.until)
        return conditions


def list_entries(
    session: Session, wanted: AuditFilter, *, before_id: int | None = None, limit: int = 50
) -> Sequence[AuditEntry]:
    """Return entries, newest first, beginning before the one with this number."""
    statement = select(AuditEntry).where(*wanted.to_conditions())
    if before_id is not None:
        statement = statement.where(AuditEntry.id < before_id)
    return session.scalars(statement.order_by(AuditEntry.id.desc()).limit(limit)).all()


def iterate_entries(database: Database, wanted: AuditFilter, *, batch: int = BATCH) -> Iterator[Sequence[AuditEntry]]:
    """Return all entries that there are now, oldest first, in batches.

    Each batch is a snapshot of its own: a slow reader keeps no transaction open, and no entry ever changes.
    """
    with database.snapshot() as session:
        last = session.scalar(select(func.max(AuditEntry.id))) or 0
    after = 0
    while True:
        within = (AuditEntry.id > after, AuditEntry.id <= last)
        with database.snapshot() as session:
            found = session.scalars(
                select(AuditEntry).where(*within, *wanted.to_conditions()).order_by(AuditEntry.id).limit(batch)
            ).all()
        if not found:
            return
        after = found[-1].id
        yield found
