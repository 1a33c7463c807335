"""What merging and rejecting announce; written in the transaction of the change."""

from dataclasses import dataclass

from bugflow.core.jobs.events import Event


@dataclass(frozen=True, kw_only=True)
class IssuesMerged(Event):
    """An issue became a duplicate of another, the canonical one."""

    source_id: int
    target_id: int
    verdict_id: int
    actor_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class IssuesUnmerged(Event):
    """An issue is no longer a duplicate of another."""

    source_id: int
    target_id: int
    verdict_id: int
    actor_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class PairRejected(Event):
    """A person said that two issues are no duplicates; the source is the newer one."""

    source_id: int
    target_id: int
    verdict_id: int
    actor_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class RejectionWithdrawn(Event):
    """A person took back that two issues are no duplicates; the source is the newer one."""

    source_id: int
    target_id: int
    verdict_id: int
    actor_id: int | None = None
