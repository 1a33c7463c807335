"""Writing the audit log, in the transaction of the change itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy.orm import Session

from bugflow.tracker.audit.tables import AuditEntry


class Originator(Protocol):
    """Who made a change, and from where."""

    @property
    def user_id(self) -> int | None:
        """The user, or none for the installation itself."""

    @property
    def name(self) -> str:
        """The name to show, also when the user is gone."""

    @property
    def origin(self) -> str:
        """Through which door: web, api, cli, import or job."""

    @property
    def address(self) -> str | None:
        """The network address, where there is one."""


def record_audit(
    session: Session,
    originator: Originator,
    action: str,
    *,
    subject: tuple[str, str | int],
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Append one change to the audit log. `subject` is a kind and an id; values must be JSON."""
    kind, identity = subject
    session.add(
        AuditEntry(
            at=now,
            actor_id=originator.user_id,
            actor_name=originator.name,
            origin=originator.origin,
            address=originator.address,
            action=action,
            subject_type=kind,
            subject_id=str(identity),
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
        )
    )
