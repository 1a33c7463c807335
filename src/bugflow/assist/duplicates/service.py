"""Merging, unmerging and rejecting: people decide, nothing is moved, and everything said is kept in the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy.orm import Session

from bugflow.assist.duplicates.errors import (
    MergedIntoItselfError,
    NotMergedError,
    PairMergedError,
    RejectionNotFoundError,
)
from bugflow.assist.duplicates.events import IssuesMerged, IssuesUnmerged, PairRejected, RejectionWithdrawn
from bugflow.assist.duplicates.queries import find_merge, list_rejected
from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.core.jobs.events import announce
from bugflow.tracker.accounts.actor import Actor, require_user_id
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.issues.duplicates import (
    Progress,
    age_of,
    find_canonical,
    link_duplicate,
    lock_clusters,
    set_progress,
    unlink_duplicate,
)
from bugflow.tracker.issues.permissions import may_change, require_may_change
from bugflow.tracker.issues.service import record_changes
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import require_active
from bugflow.tracker.projects.tables import Project

MERGING = ("relations", "resolution", "status")
"""What merging changes of an issue; who may change these may merge it, and unmerge it."""
NO_EVIDENCE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Unmerged:
    """What unmerging did.

    Attributes:
        target: What the issue was a duplicate of.
        restored: Whether status and resolution are those from before the merge. They are not where somebody has changed
            them since, nor where the issue was never merged but only related.
        moved: The numbers of the duplicates that went back with it.
    """

    target: Issue
    restored: bool
    moved: tuple[int, ...]


def merge_issues(
    session: Session, source: Issue, target: Issue, *, evidence: Mapping[str, Any], actor: Actor, now: datetime
) -> DuplicateVerdict:
    """Close an issue as a duplicate of the one that `target` leads to, and return what the ledger says of it.

    Comments, files and watchers stay where they are and are read through, so that unmerging has nothing to put back.

    Args:
        session: A session that writes.
        source: The newer issue.
        target: The older one.
        evidence: Why, as JSON: probability, reasons, model version; empty where a person found it alone.
        actor: A person: nothing else merges.
        now: The moment.

    Raises:
        MayNotChangeIssueError: The actor may not change the source.
        NoUserError: The actor is no person.
        ProjectArchivedError: The source's project takes no changes.
        MergedIntoItselfError: It is one issue.
        ConflictError: It cannot be a duplicate of the target, as `link_duplicate` says.
    """
    require_may_change(source, MERGING, actor=actor)
    require_user_id(actor)
    require_active(session.get_one(Project, source.project_id))
    if source.id == target.id:
        raise MergedIntoItselfError(source.key, field="into")
    link = link_duplicate(session, source, target, actor=actor, now=now)
    before = Progress.of(source)
    made = set_progress(source, before.closed_as_duplicate(now))
    record_changes(session, source, [*made, link.change], actor=actor, now=now)
    verdict = _record_verdict(
        session, "merged", source, target, canonical=link.target, evidence=evidence, actor=actor, now=now
    )
    verdict.status_before, verdict.resolution_before = before.status, before.resolution
    verdict.resolved_at_before, verdict.closed_at_before = before.resolved_at, before.closed_at
    verdict.repointed = list(link.moved)
    session.add(verdict)
    session.flush()
    announce(
        session,
        IssuesMerged(source_id=source.id, target_id=link.target.id, verdict_id=verdict.id, actor_id=verdict.author_id),
    )
    return verdict


def unmerge_issues(session: Session, source: Issue, *, actor: Actor, now: datetime) -> Unmerged:
    """Let an issue be a duplicate no longer, as far as it was before the merge.

    Status, resolution and their moments are those from before, unless somebody has changed them since: then the newer
    choice stays. The duplicates that came along go back with it, unless they were merged anew.

    Raises:
        MayNotChangeIssueError: The actor may not change the issue.
        NoUserError: The actor is no person.
        ProjectArchivedError: The issue's project takes no changes.
        NotMergedError: It is no duplicate.
    """
    require_may_change(source, MERGING, actor=actor)
    author_id = require_user_id(actor)
    require_active(session.get_one(Project, source.project_id))
    present = lock_clusters(session, {source.id}).get(source.id)
    if present is None:
        raise NotMergedError(source.key)
    merge = find_merge(session, present)
    link = unlink_duplicate(session, source, moved=merge.repointed if merge else (), actor=actor, now=now)
    if link is None:
        raise NotMergedError(source.key)
    before = None if merge is None else _progress_before(merge)
    restored = before is not None and Progress.of(source) == before.closed_as_duplicate(present.created_at)
    made = set_progress(source, before) if before is not None and restored else []
    record_changes(session, source, [*made, link.change], actor=actor, now=now)
    judged = session.get_one(Issue, merge.target_id) if merge else link.target
    verdict = _record_verdict(session, "unmerged", source, judged, canonical=link.target, actor=actor, now=now)
    session.add(verdict)
    session.flush()
    announce(
        session,
        IssuesUnmerged(source_id=source.id, target_id=link.target.id, verdict_id=verdict.id, actor_id=author_id),
    )
    return Unmerged(link.target, restored, link.moved)


def _progress_before(merge: DuplicateVerdict) -> Progress:
    return Progress(
        status=merge.status_before or "open",
        resolution=merge.resolution_before,
        resolved_at=merge.resolved_at_before,
        closed_at=merge.closed_at_before,
    )


def reject_pair(
    session: Session,
    issue: Issue,
    other: Issue,
    *,
    evidence: Mapping[str, Any] = NO_EVIDENCE,
    actor: Actor,
    now: datetime,
) -> DuplicateVerdict | None:
    """Record that two issues are no duplicates, in whichever order; return nothing new where that is said already.

    Raises:
        MayNotChangeIssueError: The actor may merge neither of them.
        NoUserError: The actor is no person.
        MergedIntoItselfError: It is one issue.
        PairMergedError: They are merged.
    """
    _require_may_judge(issue, other, actor=actor)
    lock_clusters(session, {issue.id, other.id})  # Of two who say it at once, one is the second.
    if find_canonical(session, issue.id) == find_canonical(session, other.id):
        raise PairMergedError(issue.key, other.key)
    if other.id in list_rejected(session, issue.id):
        return None
    older, newer = sorted((issue, other), key=age_of)
    verdict = _record_verdict(session, "rejected", newer, older, evidence=evidence, actor=actor, now=now)
    session.add(verdict)
    session.flush()
    announce(
        session,
        PairRejected(source_id=newer.id, target_id=older.id, verdict_id=verdict.id, actor_id=verdict.author_id),
    )
    return verdict


def withdraw_rejection(session: Session, issue: Issue, other: Issue, *, actor: Actor, now: datetime) -> None:
    """Take back that two issues are no duplicates: they may be suggested again.

    Raises:
        MayNotChangeIssueError: The actor may merge neither of them.
        NoUserError: The actor is no person.
        MergedIntoItselfError: It is one issue.
        RejectionNotFoundError: Nobody said so.
    """
    _require_may_judge(issue, other, actor=actor)
    lock_clusters(session, {issue.id, other.id})
    if other.id not in list_rejected(session, issue.id):
        raise RejectionNotFoundError(issue.key, other.key)
    older, newer = sorted((issue, other), key=age_of)
    verdict = _record_verdict(session, "withdrawn", newer, older, actor=actor, now=now)
    session.add(verdict)
    session.flush()
    announce(
        session,
        RejectionWithdrawn(source_id=newer.id, target_id=older.id, verdict_id=verdict.id, actor_id=verdict.author_id),
    )


def _require_may_judge(issue: Issue, other: Issue, *, actor: Actor) -> None:
    if not may_change(other, MERGING, actor=actor):
        require_may_change(issue, MERGING, actor=actor)
    require_user_id(actor)
    if issue.id == other.id:
        raise MergedIntoItselfError(issue.key, field="other")


def _record_verdict(
    session: Session,
    verdict: Literal["merged", "unmerged", "rejected", "withdrawn"],
    source: Issue,
    target: Issue,
    *,
    canonical: Issue | None = None,
    evidence: Mapping[str, Any] = NO_EVIDENCE,
    actor: Actor,
    now: datetime,
) -> DuplicateVerdict:
    """Write the audit log's entry and return the ledger's row, not stored yet, for stored it never changes."""
    after = {"other": target.key} | ({"canonical": canonical.key} if canonical is not None else {})
    record_audit(session, actor, f"duplicate.{verdict}", subject=("issue", source.id), now=now, after=after)
    return DuplicateVerdict(
        verdict=verdict,
        source_id=source.id,
        target_id=target.id,
        canonical_id=canonical.id if canonical is not None else None,
        author_id=require_user_id(actor),
        author_role=actor.role,
        created_at=now,
        evidence=dict(evidence),
        repointed=[],
    )
