"""What issues announce; written in the transaction of the change."""

from dataclasses import dataclass

from bugflow.core.jobs.events import Event


@dataclass(frozen=True, kw_only=True)
class IssueReported(Event):
    """A new issue."""

    issue_id: int
    actor_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class IssueChanged(Event):
    """Fields of an issue changed. `fields` are their names; `assignee_id` is set where the issue has a new one."""

    issue_id: int
    actor_id: int | None = None
    fields: tuple[str, ...] = ()
    assignee_id: int | None = None
    change_id: int = 0


@dataclass(frozen=True, kw_only=True)
class CommentAdded(Event):
    """Somebody commented."""

    issue_id: int
    comment_id: int
    actor_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class CommentEdited(Event):
    """Somebody changed the text of a comment."""

    issue_id: int
    comment_id: int
    actor_id: int | None = None
