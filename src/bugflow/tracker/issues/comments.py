"""Writing, editing and deleting comments."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from bugflow.core.jobs.events import announce
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.issues.errors import FieldValueError, NotYoursError
from bugflow.tracker.issues.events import CommentAdded, CommentEdited
from bugflow.tracker.issues.service import watch_issue
from bugflow.tracker.issues.tables import Comment, Issue
from bugflow.tracker.issues.text_index import index_issue


def add_comment(session: Session, issue: Issue, *, body: str, author_id: int, actor: Actor, now: datetime) -> Comment:
    """Add a comment; its author follows the issue from now on. The issue's version stays: no edit is disturbed.

    Raises:
        MissingPermissionError: The actor may not comment.
        FieldValueError: The comment is empty or contains a NUL character.
    """
    actor.require(Permission.COMMENT)
    comment = Comment(issue_id=issue.id, author_id=author_id, body=_require_text(body), created_at=now, updated_at=now)
    session.add(comment)
    session.flush()
    _touch(session, issue, now=now, comments=1)
    watch_issue(session, issue, author_id, now=now)
    index_issue(session, issue)
    after = {"comment": comment.id}
    record_audit(session, actor, "comment.added", subject=("issue", issue.id), now=now, after=after)
    announce(session, CommentAdded(issue_id=issue.id, comment_id=comment.id, actor_id=actor.user_id))
    return comment


def edit_comment(session: Session, issue: Issue, comment: Comment, *, body: str, actor: Actor, now: datetime) -> None:
    """Replace a comment's text; the audit log keeps the old one.

    Raises:
        NotYoursError: It is somebody else's.
        FieldValueError: The comment is empty or contains a NUL character.
    """
    _require_own(comment, actor)
    before, comment.body, comment.updated_at = comment.body, _require_text(body), now
    session.flush()
    index_issue(session, issue)
    record_audit(
        session,
        actor,
        "comment.edited",
        subject=("issue", issue.id),
        now=now,
        before={"comment": comment.id, "body": before},
        after={"comment": comment.id, "body": comment.body},
    )
    announce(session, CommentEdited(issue_id=issue.id, comment_id=comment.id, actor_id=actor.user_id))


def delete_comment(session: Session, issue: Issue, comment: Comment, *, actor: Actor, now: datetime) -> None:
    """Take a comment's text away; its place and the audit log's copy stay.

    Raises:
        NotYoursError: It is somebody else's.
    """
    _require_own(comment, actor)
    before, comment.body, comment.deleted_at = comment.body, "", now
    session.flush()
    _touch(session, issue, now=now, comments=-1)
    index_issue(session, issue)
    record_audit(
        session,
        actor,
        "comment.deleted",
        subject=("issue", issue.id),
        now=now,
        before={"comment": comment.id, "body": before},
    )


def _touch(session: Session, issue: Issue, *, now: datetime, comments: int) -> None:
    session.execute(
        update(Issue)
        .where(Issue.id == issue.id)
        .values(comment_count=Issue.comment_count + comments, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    session.refresh(issue)


def _require_own(comment: Comment, actor: Actor) -> None:
    if comment.author_id != actor.user_id and not actor.may(Permission.EDIT_ANY_ISSUE):
        raise NotYoursError("comment")


def _require_text(body: str) -> str:
    if not body.strip():
        raise FieldValueError("body", "A comment cannot be empty.")
    if "\0" in body:
        raise FieldValueError("body", "The comment contains a NUL character. Remove it.")
    return body
