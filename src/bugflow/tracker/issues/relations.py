"""Relating issues: duplicate of, blocks, relates to."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.changes import FieldChange
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, build_relation, link_duplicate, unlink_duplicate
from bugflow.tracker.issues.errors import FieldValueError, RelationExistsError, RelationNotFoundError
from bugflow.tracker.issues.permissions import require_may_change
from bugflow.tracker.issues.service import record_field_change
from bugflow.tracker.issues.tables import Issue, IssueRelation


def relate_issues(
    session: Session, source: Issue, target: Issue, *, kind: str, actor: Actor, now: datetime
) -> IssueRelation:
    """Say that `source` duplicates, blocks or relates to `target`.

    A duplicate leads to the canonical issue, and changes no status: merging does.

    Raises:
        MayNotChangeIssueError: The actor may not change the source.
        RelationExistsError: It is said already.
        FieldValueError: It is one issue.
        ConflictError: It cannot be a duplicate of the target, as `link_duplicate` says.
    """
    require_may_change(source, ["relations"], actor=actor)
    if kind == DUPLICATE_OF:
        link = link_duplicate(session, source, target, actor=actor, now=now)
        record_field_change(session, source, link.change, actor=actor, now=now)
        return link.relation
    if source.id == target.id:
        raise FieldValueError("target", f"{source.key} cannot be related to itself.")
    same = (
        IssueRelation.source_id == source.id,
        IssueRelation.kind == kind,
        IssueRelation.target_id == target.id,
    )
    if session.scalar(select(IssueRelation.id).where(*same)) is not None:
        raise RelationExistsError(source.key, kind, target.key)
    relation = build_relation(source, target, kind=kind, created_by_id=actor.user_id, now=now)
    session.add(relation)
    record_field_change(session, source, FieldChange(kind, None, target.key), actor=actor, now=now)
    return relation


def unrelate_issues(session: Session, issue: Issue, relation_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a relation back, from either side.

    Raises:
        RelationNotFoundError: The issue has no such relation.
        MayNotChangeIssueError: The actor may not change the relation's source.
    """
    relation = session.get(IssueRelation, relation_id)
    if relation is None or issue.id not in {relation.source_id, relation.target_id}:
        raise RelationNotFoundError(relation_id)
    source = session.get_one(Issue, relation.source_id)
    require_may_change(source, ["relations"], actor=actor)
    if relation.kind == DUPLICATE_OF:
        link = unlink_duplicate(session, source, actor=actor, now=now)
        if link is None:  # Somebody else was faster.
            raise RelationNotFoundError(relation_id)
        record_field_change(session, source, link.change, actor=actor, now=now)
        return
    target = session.get_one(Issue, relation.target_id)
    session.delete(relation)
    record_field_change(session, source, FieldChange(relation.kind, target.key, None), actor=actor, now=now)
