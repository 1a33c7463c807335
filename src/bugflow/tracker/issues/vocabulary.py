"""The fixed words of issues: types, statuses and how one follows another, resolutions, priorities, relations."""

from typing import Literal, get_args

IssueType = Literal["bug", "story", "task"]
Status = Literal["open", "in_progress", "resolved", "closed"]
Resolution = Literal["fixed", "duplicate", "wontfix", "invalid", "worksforme", "incomplete"]
Priority = Literal["lowest", "low", "medium", "high", "highest"]
RelationKind = Literal["duplicate_of", "blocks", "relates_to"]

ISSUE_TYPES: tuple[str, ...] = get_args(IssueType)
STATUSES: tuple[str, ...] = get_args(Status)
RESOLUTIONS: tuple[str, ...] = get_args(Resolution)
PRIORITIES: tuple[str, ...] = get_args(Priority)
RELATION_KINDS: tuple[str, ...] = get_args(RelationKind)

UNFINISHED: frozenset[str] = frozenset({"open", "in_progress"})
FINISHED: frozenset[str] = frozenset({"resolved", "closed"})

NEXT_STATUSES: dict[str, tuple[str, ...]] = {
    "open": ("in_progress", "resolved", "closed"),
    "in_progress": ("open", "resolved", "closed"),
    "resolved": ("closed", "open", "in_progress"),
    "closed": ("open",),
}


def priority_rank(priority: str | None) -> int | None:
    """Return 1 (lowest) to 5 (highest)."""
    return None if priority is None else PRIORITIES.index(priority) + 1


def priority_name(rank: int | None) -> str | None:
    """Return the name of a rank from 1 (lowest) to 5 (highest)."""
    return None if rank is None else PRIORITIES[rank - 1]
