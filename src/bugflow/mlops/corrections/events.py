"""What the corrections ledger announces; written in the transaction of the correction."""

from dataclasses import dataclass

from bugflow.core.jobs.events import Event


@dataclass(frozen=True, kw_only=True)
class CorrectionRecorded(Event):
    """A person has replaced a learned field, or confirmed it. `correction_id` names the ledger's row."""

    issue_id: int
    field: str
    correction_id: int
    actor_id: int | None = None
