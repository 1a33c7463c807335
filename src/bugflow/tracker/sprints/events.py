"""What sprints announce; written in the transaction of the change. An issue that moves announces `IssueChanged`."""

from dataclasses import dataclass

from bugflow.core.jobs.events import Event


@dataclass(frozen=True, kw_only=True)
class SprintCreated(Event):
    """A sprint was planned."""

    sprint_id: int
    actor_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class SprintStarted(Event):
    """A sprint began."""

    sprint_id: int
    actor_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class SprintCompleted(Event):
    """A sprint ended, with so many issues finished and carried over."""

    sprint_id: int
    actor_id: int | None = None
    completed: int = 0
    carried_over: int = 0
