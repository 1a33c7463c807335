"""Telling people of what happened to issues and sprints."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.jobs.definition import job
from bugflow.tracker.issues.events import CommentAdded, CommentEdited, IssueChanged, IssueReported
from bugflow.tracker.issues.queries import find_issue
from bugflow.tracker.issues.tables import Comment, Issue, IssueChange
from bugflow.tracker.notifications.audience import find_mentioned, list_watcher_ids
from bugflow.tracker.notifications.service import Happening, notify
from bugflow.tracker.sprints.events import SprintCompleted, SprintStarted
from bugflow.tracker.sprints.queries import find_sprint, list_assignee_ids


@job(on=IssueReported)
def tell_of_report(session: Session, event: IssueReported) -> None:
    """Tell the assignee of a new issue, and whom its description mentions."""
    issue = find_issue(session, event.issue_id)
    if issue is None:  # It may have been deleted since.
        return
    reasons = dict.fromkeys(find_mentioned(session, issue.description), "mention")
    if issue.assignee_id is not None:
        reasons[issue.assignee_id] = "assignee"
    summary, key = f"{issue.key}: {issue.title}", f"reported:{issue.id}"
    happening = Happening(kind="changed", summary=summary, event_key=key, actor_id=event.actor_id)
    notify(session, issue, reasons, happening, now=utc_now())


@job(on=IssueChanged)
def tell_of_change(session: Session, event: IssueChanged) -> None:
    """Tell the watchers of changed fields; a new assignee, and whom a description now mentions, are told so.

    A move between sprints alone tells nobody: the start and the end of a sprint do.
    """
    issue = find_issue(session, event.issue_id)
    if issue is None or event.fields == ("sprint",):
        return
    reasons = dict.fromkeys(list_watcher_ids(session, issue), "watching")
    if "description" in event.fields:
        reasons |= dict.fromkeys(_find_newly_mentioned(session, issue, event.change_id), "mention")
    if event.assignee_id is not None:
        reasons[event.assignee_id] = "assignee"
    changed = ", ".join(field.replace("_", " ") for field in event.fields)
    summary, key = f"{issue.key}: {changed} changed", f"changed:{event.change_id}"
    happening = Happening(kind="changed", summary=summary, event_key=key, actor_id=event.actor_id)
    notify(session, issue, reasons, happening, now=utc_now())


def _find_newly_mentioned(session: Session, issue: Issue, change_id: int) -> set[int]:
    change = session.scalars(
        select(IssueChange)
        .where(IssueChange.issue_id == issue.id, IssueChange.id >= change_id, IssueChange.field == "description")
        .order_by(IssueChange.id)
    ).first()
    if change is None:
        return set()
    return set(find_mentioned(session, change.new or "")) - set(find_mentioned(session, change.old or ""))


@job(on=CommentAdded)
def tell_of_comment(session: Session, event: CommentAdded) -> None:
    """Tell the watchers of a comment, and whom it mentions."""
    _tell_of_text(session, event, watchers=True)


@job(on=CommentEdited)
def tell_of_edit(session: Session, event: CommentEdited) -> None:
    """Tell those whom a comment mentions, and who have not been told of it yet."""
    _tell_of_text(session, event, watchers=False)


def _tell_of_text(session: Session, event: CommentAdded | CommentEdited, *, watchers: bool) -> None:
    issue, comment = find_issue(session, event.issue_id), session.get(Comment, event.comment_id)
    if issue is None or comment is None or comment.deleted_at is not None:
        return
    reasons = dict.fromkeys(list_watcher_ids(session, issue), "watching") if watchers else {}
    reasons |= dict.fromkeys(find_mentioned(session, comment.body), "mention")
    summary, key = f"{issue.key}: {' '.join(comment.body.split())[:200]}", f"commented:{comment.id}"
    happening = Happening(kind="commented", summary=summary, event_key=key, actor_id=event.actor_id)
    notify(session, issue, reasons, happening, now=utc_now())


@job(on=SprintStarted)
def tell_of_start(session: Session, event: SprintStarted) -> None:
    """Tell those who have an issue in a sprint that it has started."""
    _tell_of_sprint(session, event.sprint_id, "started", event.actor_id)


@job(on=SprintCompleted)
def tell_of_completion(session: Session, event: SprintCompleted) -> None:
    """Tell those who had an issue in a sprint that it is completed."""
    what = f"completed: {event.completed} issues finished, {event.carried_over} carried over"
    _tell_of_sprint(session, event.sprint_id, what, event.actor_id)


def _tell_of_sprint(session: Session, sprint_id: int, what: str, actor_id: int | None) -> None:
    sprint = find_sprint(session, sprint_id)
    if sprint is None:
        return
    reasons = dict.fromkeys(list_assignee_ids(session, sprint), "in sprint")
    key = f"sprint:{sprint.id}:{what.split(':', maxsplit=1)[0]}"
    happening = Happening(kind="sprint", summary=f"{sprint.name} {what}", event_key=key, actor_id=actor_id)
    notify(session, sprint, reasons, happening, now=utc_now())
