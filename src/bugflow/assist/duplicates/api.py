"""Duplicates over HTTP, under /api/v1/issues."""

from fastapi import status
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.queries import list_rejected_issues, list_verdicts
from bugflow.assist.duplicates.schemas import (
    DuplicatesRead,
    IssueBrief,
    MergeWrite,
    RejectionWrite,
    UnmergeRead,
    VerdictRead,
)
from bugflow.assist.duplicates.service import merge_issues, reject_pair, unmerge_issues, withdraw_rejection
from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.api import AfterId, Limit
from bugflow.tracker.issues.clusters import view_cluster
from bugflow.tracker.issues.errors import IssueNotFoundError
from bugflow.tracker.issues.queries import get_issue
from bugflow.tracker.issues.tables import Issue

router = Router(prefix="/issues/{issue}", tags=["duplicates"])

RESTORED = "Status and resolution are those from before the merge."
KEPT = "Status and resolution stay as they are: somebody changed them since, or it was related without a merge."


@router.post("/merge")
def merge(issue: str, body: MergeWrite, session: WriteSession, actor: ActorDep) -> DuplicatesRead:
    """Close this issue as a duplicate of an older one; nothing is moved, so it can be unmerged exactly."""
    source, target = get_issue(session, actor, issue), get_issue(session, actor, str(body.into))
    merge_issues(session, source, target, evidence=body.evidence.to_json(), actor=actor, now=utc_now())
    return _view(session, actor, source)


@router.post("/unmerge")
def unmerge(issue: str, session: WriteSession, actor: ActorDep) -> UnmergeRead:
    """Let this issue be a duplicate no longer; its status is again what it was, unless changed since."""
    source = get_issue(session, actor, issue)
    done = unmerge_issues(session, source, actor=actor, now=utc_now())
    return UnmergeRead(
        was_duplicate_of=_name(session, actor, done.target),
        restored=done.restored,
        note=RESTORED if done.restored else KEPT,
        issue=IssueBrief.of(source),
    )


@router.get("/duplicates")
def read_duplicates(issue: str, session: ReadSession, actor: ActorDep) -> DuplicatesRead:
    """Read what this issue is a duplicate of, what else is merged into that, and what is no duplicate."""
    return _view(session, actor, get_issue(session, actor, issue))


@router.get("/duplicates/history")
def read_verdicts(
    issue: str, session: ReadSession, actor: ActorDep, after: AfterId = 0, limit: Limit = 100
) -> list[VerdictRead]:
    """Read who merged, unmerged or rejected this issue and others, when and on what evidence."""
    found = get_issue(session, actor, issue)
    return [VerdictRead.of(view) for view in list_verdicts(session, actor, found, after_id=after, limit=limit)]


@router.post("/not-duplicates", status_code=status.HTTP_204_NO_CONTENT)
def reject(issue: str, body: RejectionWrite, session: WriteSession, actor: ActorDep) -> None:
    """Say that another issue is no duplicate of this one: it is not suggested again."""
    found, other = get_issue(session, actor, issue), get_issue(session, actor, str(body.other))
    reject_pair(session, found, other, evidence=body.evidence.to_json(), actor=actor, now=utc_now())


@router.delete("/not-duplicates/{other}", status_code=status.HTTP_204_NO_CONTENT)
def withdraw(issue: str, other: str, session: WriteSession, actor: ActorDep) -> None:
    """Take back that another issue is no duplicate of this one."""
    found, second = get_issue(session, actor, issue), get_issue(session, actor, other)
    withdraw_rejection(session, found, second, actor=actor, now=utc_now())


def _view(session: Session, actor: Actor, issue: Issue) -> DuplicatesRead:
    cluster = view_cluster(session, actor, issue)
    return DuplicatesRead(
        canonical=IssueBrief.of(cluster.canonical) if cluster.canonical else None,
        duplicates=[IssueBrief.of(each) for each in cluster.duplicates],
        not_duplicates=[IssueBrief.of(each) for each in list_rejected_issues(session, actor, issue)],
    )


def _name(session: Session, actor: Actor, issue: Issue) -> str | None:
    try:
        return get_issue(session, actor, issue.id).key
    except IssueNotFoundError:
        return None
