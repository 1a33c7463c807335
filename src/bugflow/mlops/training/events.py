"""What trainings announce; written in the transaction that ends one."""

from dataclasses import dataclass

from bugflow.core.jobs.events import Event


@dataclass(frozen=True, kw_only=True)
class TrainingEnded(Event):
    """A training has ended. `passed` is none where it failed before a model was judged."""

    training_id: int
    passed: bool | None = None
