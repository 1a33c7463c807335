"""Events: written into the outbox by the transaction that causes them, so that both happen or neither."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.jobs.tables import OutboxEvent


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened, in plain values that JSON can carry; its name is its class's."""

    @classmethod
    def name(cls) -> str:
        """Return the name under which jobs listen to it."""
        return cls.__name__

    def to_payload(self) -> dict[str, Any]:
        """Return the event's values for JSON."""
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Return the event again; values that this version does not know are left out."""
        known = {field.name for field in fields(cls)}
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in payload.items()}
        return cls(**{key: value for key, value in values.items() if key in known})


def announce(session: Session, event: Event) -> None:
    """Write an event into the outbox, in the caller's transaction."""
    session.add(OutboxEvent(name=event.name(), payload=event.to_payload(), created_at=utc_now()))
