"""The issues of an export, oldest first, a batch at a time."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.queries import view_issues, visible_to
from bugflow.tracker.issues.schemas import IssueRead
from bugflow.tracker.issues.tables import Attachment, Comment, Issue, IssueChange, IssueRelation
from bugflow.tracker.search.language import Query
from bugflow.tracker.search.queries import find_conditions

BATCH = 500

Record = dict[str, Any]


class Part(StrEnum):
    """What an issue can bring along."""

    COMMENTS = "comments"
    HISTORY = "history"
    RELATIONS = "relations"
    ATTACHMENTS = "attachments"


def read_records(
    database: Database, viewer: Actor, query: Query, *, parts: Collection[Part] = (), batch: int = BATCH
) -> Iterator[list[Record]]:
    """Yield the visible issues that a query asks for, as plain values, in batches.

    Each batch is a snapshot of its own, so that a slow reader keeps no transaction open: an issue that changes
    meanwhile is in the export as it was when its turn came, and each is in it once.
    """
    after = 0
    while True:
        with database.snapshot() as session:
            conditions = find_conditions(session, viewer, query, today=datetime.now(UTC).date())
            statement = select(Issue).where(*conditions, Issue.id > after).order_by(Issue.id).limit(batch)
            issues = session.scalars(statement).all()
            if not issues:
                return
            records = [IssueRead.of(view).model_dump(mode="json") for view in view_issues(session, issues)]
            for part in parts:
                _add_part(session, viewer, records, part)
        after = issues[-1].id
        yield records


def _add_part(session: Session, viewer: Actor, records: Sequence[Record], part: Part) -> None:
    by_id: dict[int, list[Record]] = {record["id"]: [] for record in records}
    readers = {
        Part.COMMENTS: lambda: _read_comments(session, by_id),
        Part.HISTORY: lambda: _read_history(session, by_id),
        Part.RELATIONS: lambda: _read_relations(session, viewer, by_id),
        Part.ATTACHMENTS: lambda: _read_attachments(session, by_id),
    }
    readers[part]()
    for record in records:
        record[part] = by_id[record["id"]]


def _read_comments(session: Session, by_id: dict[int, list[Record]]) -> None:
    rows = session.execute(
        select(Comment, User)
        .join(User, User.id == Comment.author_id)
        .where(Comment.issue_id.in_(by_id), Comment.deleted_at.is_(None))
        .order_by(Comment.id)
    )
    for comment, author in rows:
        by_id[comment.issue_id].append(
            {
                "id": comment.id,
                "author": _person(author),
                "body": comment.body,
                "created_at": comment.created_at.isoformat(),
                "updated_at": comment.updated_at.isoformat(),
            }
        )


def _read_history(session: Session, by_id: dict[int, list[Record]]) -> None:
    rows = session.execute(
        select(IssueChange, User)
        .outerjoin(User, User.id == IssueChange.actor_id)
        .where(IssueChange.issue_id.in_(by_id))
        .order_by(IssueChange.id)
    )
    for change, actor in rows:
        by_id[change.issue_id].append(
            {
                "at": change.at.isoformat(),
                "actor": _person(actor) if actor else None,
                "field": change.field,
                "old": change.old,
                "new": change.new,
            }
        )


def _read_relations(session: Session, viewer: Actor, by_id: dict[int, list[Record]]) -> None:
    rows = session.execute(
        select(IssueRelation, Issue.key)
        .join(Issue, Issue.id == IssueRelation.target_id)
        .where(IssueRelation.source_id.in_(by_id), visible_to(viewer))
        .order_by(IssueRelation.id)
    )
    for relation, key in rows:
        by_id[relation.source_id].append({"kind": relation.kind, "target": key})


def _read_attachments(session: Session, by_id: dict[int, list[Record]]) -> None:
    found = session.scalars(select(Attachment).where(Attachment.issue_id.in_(by_id)).order_by(Attachment.id))
    for each in found:
        by_id[each.issue_id].append(
            {
                "id": str(each.uuid),
                "filename": each.filename,
                "content_type": each.content_type,
                "size_bytes": each.size_bytes,
                "sha256": each.sha256,
            }
        )


def _person(user: User) -> Record:
    return {"id": str(user.uuid), "name": user.name, "email": user.email}
