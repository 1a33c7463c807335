"""The inbox: open issues that nobody has taken yet, and what one has just said of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.errors import NothingToUndoError
from bugflow.assist.duplicates.queries import find_merge, list_rejected
from bugflow.assist.duplicates.service import unmerge_issues, withdraw_rejection
from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, lock_clusters
from bugflow.tracker.issues.errors import IssueNotFoundError
from bugflow.tracker.issues.queries import IssueView, get_issue, view_issue, visible_to
from bugflow.tracker.issues.tables import Issue, IssueRelation
from bugflow.tracker.projects.tables import Project

NEWER_LISTED, OLDER_LISTED = 8, 16
MOST_COUNTED = 1_000
START_CHARACTERS = 800


@dataclass(frozen=True, slots=True)
class WaitingIssue:
    """A line of the inbox's list."""

    key: str
    title: str
    created_at: datetime


@dataclass(frozen=True)
class Inbox:
    """A page of the inbox, around the issue that one looks at.

    Attributes:
        current: What one looks at; none where nothing is waiting.
        start: The beginning of its description.
        rows: What is listed beside it, newest first, with itself.
        previous: The key of the next newer issue, `following` that of the next older one.
        newer: Where the page of newer issues begins, `older` that of older ones.
        count: How many are waiting; at most one more than are counted.
        is_gone: Whether the issue that was asked for is not waiting, or no longer.
    """

    current: IssueView | None
    start: str
    rows: Sequence[WaitingIssue]
    previous: str | None
    following: str | None
    newer: str | None
    older: str | None
    count: int
    is_gone: bool


@dataclass(frozen=True)
class Done:
    """What one has said last, and whether it still holds, so that it can be undone."""

    verdict_id: int
    verdict: str
    source: str
    target: str
    holds: bool


def read_inbox(session: Session, viewer: Actor, at: Issue | None) -> Inbox:
    """Return the inbox around an issue; where that is not waiting, around the next older one, or else the newest."""
    waiting = _waiting(viewer)
    newer = [] if at is None else list(_list_newer(session, waiting, at))
    older = list(_list_older(session, waiting, at))
    current = None
    if at is not None and session.scalar(select(Issue.id).where(Issue.id == at.id, *waiting)) is not None:
        current = at
    elif older:
        current = older.pop(0)
    elif newer:
        current = newer.pop(0)
    shown = [*reversed(newer[:NEWER_LISTED]), *([current] if current else []), *older[:OLDER_LISTED]]
    some = select(Issue.id).where(*waiting).limit(MOST_COUNTED + 1).subquery()
    return Inbox(
        current=view_issue(session, current) if current else None,
        start=_cut(current.description) if current else "",
        rows=[WaitingIssue(each.key, each.title, each.created_at) for each in shown],
        previous=newer[0].key if newer else None,
        following=older[0].key if older else None,
        newer=newer[NEWER_LISTED].key if len(newer) > NEWER_LISTED else None,
        older=older[OLDER_LISTED].key if len(older) > OLDER_LISTED else None,
        count=session.scalar(select(func.count()).select_from(some)) or 0,
        is_gone=at is not None and (current is None or current.id != at.id),
    )


def _waiting(viewer: Actor) -> tuple[ColumnElement[bool], ...]:
    """The conditions of an issue that waits: open, visible, of a project that takes changes, nobody's, no duplicate."""
    merged = exists().where(IssueRelation.source_id == Issue.id, IssueRelation.kind == DUPLICATE_OF)
    active = Issue.project_id.in_(select(Project.id).where(Project.archived_at.is_(None)))
    return Issue.status == "open", Issue.assignee_id.is_(None), ~merged, active, visible_to(viewer)


def _list_newer(session: Session, waiting: Sequence[ColumnElement[bool]], at: Issue) -> Sequence[Issue]:
    behind = or_(Issue.created_at > at.created_at, and_(Issue.created_at == at.created_at, Issue.id > at.id))
    found = select(Issue).where(*waiting, behind).order_by(Issue.created_at, Issue.id)
    return session.scalars(found.limit(NEWER_LISTED + 1)).all()


def _list_older(session: Session, waiting: Sequence[ColumnElement[bool]], at: Issue | None) -> Sequence[Issue]:
    found = select(Issue).where(*waiting).order_by(Issue.created_at.desc(), Issue.id.desc())
    if at is not None:
        found = found.where(
            or_(Issue.created_at < at.created_at, and_(Issue.created_at == at.created_at, Issue.id < at.id))
        )
    return session.scalars(found.limit(OLDER_LISTED + 2)).all()


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= START_CHARACTERS else f"{text[:START_CHARACTERS].rstrip()}…"


def find_done(session: Session, viewer: Actor, verdict_id: int | None) -> Done | None:
    """Return what the viewer has said; none where it was somebody else, or the issue is hidden by now."""
    verdict = session.get(DuplicateVerdict, verdict_id) if verdict_id is not None else None
    if verdict is None or verdict.author_id != viewer.user_id or verdict.verdict not in {"merged", "rejected"}:
        return None
    try:
        source = get_issue(session, viewer, verdict.source_id)
        target = get_issue(session, viewer, verdict.canonical_id or verdict.target_id)
    except IssueNotFoundError:
        return None
    return Done(verdict.id, verdict.verdict, source.key, target.key, _holds(session, verdict))


def _holds(session: Session, verdict: DuplicateVerdict) -> bool:
    if verdict.verdict == "rejected":
        return verdict.target_id in list_rejected(session, verdict.source_id)
    link = session.scalars(
        select(IssueRelation).where(IssueRelation.source_id == verdict.source_id, IssueRelation.kind == DUPLICATE_OF)
    ).first()
    merge = find_merge(session, link) if link is not None else None
    return merge is not None and merge.id == verdict.id


def find_last(session: Session, actor: Actor, issue: Issue, other: Issue) -> int | None:
    """Return the number of what somebody last said of two issues, in whichever order."""
    pair = (issue.id, other.id)
    return session.scalar(
        select(func.max(DuplicateVerdict.id)).where(
            DuplicateVerdict.source_id.in_(pair),
            DuplicateVerdict.target_id.in_(pair),
            DuplicateVerdict.author_id == actor.user_id,
        )
    )


def undo_verdict(session: Session, verdict_id: int, *, actor: Actor, now: datetime) -> Issue:
    """Take back a merge or rejection of the actor's own, and return the issue it was about.

    Raises:
        NothingToUndoError: It does not hold any more, or is somebody else's.
        BugFlowError: As `unmerge_issues` and `withdraw_rejection` say.
    """
    verdict = session.get(DuplicateVerdict, verdict_id)
    if verdict is None or verdict.author_id != actor.user_id or verdict.verdict not in {"merged", "rejected"}:
        raise NothingToUndoError
    lock_clusters(session, {verdict.source_id, verdict.target_id})
    if not _holds(session, verdict):
        raise NothingToUndoError
    source = get_issue(session, actor, verdict.source_id)
    if verdict.verdict == "merged":
        unmerge_issues(session, source, actor=actor, now=now)
    else:
        withdraw_rejection(session, source, get_issue(session, actor, verdict.target_id), actor=actor, now=now)
    return source
