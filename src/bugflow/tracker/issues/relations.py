"""Relating issues: duplicate of, blocks, relates to."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.changes import FieldChange
from bugflow.tracker.issues.errors import (
    AlreadyDuplicateError,
    DuplicateOfItselfError,
    FieldValueError,
    RelationExistsError,
    RelationNotFoundError,
)
from bugflow.tracker.issues.permissions import require_may_change
from bugflow.tracker.issues.service import record_field_change
from bugflow.tracker.issues.tables import Issue, IssueRelation


def relate_issues(
    session: Session, source: Issue, target: Issue, *, kind: str, actor: Actor, now: datetime
) -> IssueRelation:
    """Say that `source` duplicates, blocks or relates to `target`.

    Raises:
        MayNotChangeIssueError: The actor may not change the source.
        RelationExistsError: It is said already.
        AlreadyDuplicateError: The source is a duplicate of another issue.
        DuplicateOfItselfError: The target leads back to the source.
    """
    require_may_change(source, ["relations"], actor=actor)
    if source.id == target.id:
        raise FieldValueError("target", f"{source.key} cannot be related to itself.")
    present = session.scalars(
        select(IssueRelation).where(IssueRelation.source_id == source.id, IssueRelation.kind == kind)
    ).all()
    if any(relation.target_id == target.id for relation in present):
        raise RelationExistsError(source.key, kind, target.key)
    if kind == "duplicate_of":
        _require_no_circle(session, source, target, present[0] if present else None)
    relation = IssueRelation(
        source_id=source.id, target_id=target.id, kind=kind, created_by_id=actor.user_id, created_at=now
    )
    session.add(relation)
    record_field_change(session, source, FieldChange(kind, None, target.key), actor=actor, now=now)
    return relation


def _require_no_circle(session: Session, source: Issue, target: Issue, present: IssueRelation | None) -> None:
    if present is not None:
        other = session.get_one(Issue, present.target_id)
        raise AlreadyDuplicateError(source.key, other.key)
    seen, current = {target.id}, target.id
    while True:
        following = session.scalar(
            select(IssueRelation.target_id).where(
                IssueRelation.source_id == current, IssueRelation.kind == "duplicate_of"
            )
        )
        if following is None or following in seen:
            return
        if following == source.id:
            raise DuplicateOfItselfError(source.key, target.key)
        seen.add(following)
        current = following


def unrelate_issues(session: Session, issue: Issue, relation_id: int, *, actor: Actor, now: datetime) -> None:
    """Take a relation back, from either side.

    Raises:
        RelationNotFoundError: The issue has no such relation.
        MayNotChangeIssueError: The actor may not change the relation's source.
    """
    relation = session.get(IssueRelation, relation_id)
    if relation is None or issue.id not in {relation.source_id, relation.target_id}:
        raise RelationNotFoundError(relation_id)
    source, target = session.get_one(Issue, relation.source_id), session.get_one(Issue, relation.target_id)
    require_may_change(source, ["relations"], actor=actor)
    session.delete(relation)
    record_field_change(session, source, FieldChange(relation.kind, target.key, None), actor=actor, now=now)
