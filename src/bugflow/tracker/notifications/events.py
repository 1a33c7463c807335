"""What notifications announce."""

from dataclasses import dataclass

from bugflow.core.jobs.events import Event


@dataclass(frozen=True, kw_only=True)
class MailWanted(Event):
    """A notification is to be mailed at once."""

    notification_id: int
