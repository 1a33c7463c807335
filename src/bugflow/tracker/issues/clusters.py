"""Reading an issue together with its duplicates. Merging moves nothing: it is read through instead."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, find_canonical
from bugflow.tracker.issues.queries import visible_to
from bugflow.tracker.issues.tables import Attachment, Comment, Issue, IssueRelation

# Built once: building a statement costs more than running it.
_DUPLICATES = select(IssueRelation.source_id).where(
    IssueRelation.target_id.in_(bindparam("targets", expanding=True)), IssueRelation.kind == DUPLICATE_OF
)
_COMMENTS = (
    select(Comment, User, Issue)
    .join(User, User.id == Comment.author_id)
    .join(Issue, Issue.id == Comment.issue_id)
    .where(Comment.issue_id.in_(bindparam("issues", expanding=True)), Comment.id > bindparam("after"))
    .order_by(Comment.id)
    .limit(bindparam("most"))
)
_ATTACHMENTS = (
    select(Attachment, Issue)
    .join(Issue, Issue.id == Attachment.issue_id)
    .where(Attachment.issue_id.in_(bindparam("issues", expanding=True)))
    .order_by(Attachment.id)
)


@dataclass(frozen=True)
class Cluster:
    """An issue and its duplicates, oldest first, as far as one may see them.

    Attributes:
        canonical: What all are duplicates of; none where one may not see it, and then no duplicates are told either.
    """

    canonical: Issue | None
    duplicates: Sequence[Issue]


def list_duplicate_ids(session: Session, issue_id: int) -> set[int]:
    """Return the numbers of what leads to an issue, over any number of steps, without regard to who may see it."""
    found, fresh = set[int](), {issue_id}
    while fresh:
        fresh = set(session.scalars(_DUPLICATES, {"targets": fresh})) - found - {issue_id}
        found |= fresh
    return found


def list_duplicates(session: Session, viewer: Actor, issue: Issue) -> Sequence[Issue]:
    """Return the issues that were merged into an issue and that the viewer may see, oldest first."""
    numbers = list_duplicate_ids(session, issue.id)
    if not numbers:
        return []
    merged = select(Issue).where(Issue.id.in_(numbers), visible_to(viewer))
    return session.scalars(merged.order_by(Issue.created_at, Issue.id)).all()


def view_cluster(session: Session, viewer: Actor, issue: Issue) -> Cluster:
    """Return the canonical issue of an issue, and what was merged into that one."""
    canonical_id = find_canonical(session, issue.id)
    canonical = session.scalars(select(Issue).where(Issue.id == canonical_id, visible_to(viewer))).first()
    return Cluster(canonical, [] if canonical is None else list_duplicates(session, viewer, canonical))


def list_cluster_comments(
    session: Session, viewer: Actor, issue: Issue, *, after_id: int = 0, limit: int = 100
) -> Sequence[tuple[Comment, User, Issue]]:
    """Return the comments of an issue and its visible duplicates, each with author and issue, by their numbers."""
    issues = [issue.id, *(each.id for each in list_duplicates(session, viewer, issue))]
    rows = session.execute(_COMMENTS, {"issues": issues, "after": after_id, "most": limit})
    return [(comment, author, place) for comment, author, place in rows]


def list_cluster_attachments(session: Session, viewer: Actor, issue: Issue) -> Sequence[tuple[Attachment, Issue]]:
    """Return the files of an issue and its visible duplicates, each with its issue, oldest first."""
    issues = [issue.id, *(each.id for each in list_duplicates(session, viewer, issue))]
    return [(attachment, place) for attachment, place in session.execute(_ATTACHMENTS, {"issues": issues})]
