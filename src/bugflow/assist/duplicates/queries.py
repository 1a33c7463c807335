"""Reading the ledger of duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.tables import DuplicateVerdict
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.queries import visible_to
from bugflow.tracker.issues.tables import Issue, IssueRelation

_OF_ISSUE = or_(
    DuplicateVerdict.source_id == bindparam("issue"),
    DuplicateVerdict.target_id == bindparam("issue"),
)
# Built once: building a statement costs more than running it.
_REJECTIONS = (
    select(DuplicateVerdict.source_id, DuplicateVerdict.target_id, DuplicateVerdict.verdict)
    .where(_OF_ISSUE, DuplicateVerdict.verdict.in_(("rejected", "withdrawn")))
    .order_by(DuplicateVerdict.id)
)
_MERGE = (
    select(DuplicateVerdict)
    .where(
        DuplicateVerdict.source_id == bindparam("issue"),
        DuplicateVerdict.verdict == "merged",
        DuplicateVerdict.created_at == bindparam("at"),
    )
    .order_by(DuplicateVerdict.id.desc())
    .limit(1)
)


@dataclass(frozen=True)
class VerdictView:
    """A row of the ledger with its author and the issues it is about; `canonical` is none where one may not see it."""

    verdict: DuplicateVerdict
    author: User
    source: Issue
    target: Issue
    canonical: Issue | None


def list_rejected(session: Session, issue_id: int) -> set[int]:
    """Return the issues that a person said are no duplicates of this one: never to be suggested for it again.

    A rejection is about the two issues that were looked at and about no others. Where one of them is merged into a
    third issue, before or afterwards, that one is rejected only if somebody rejects it, too. Merging a rejected pair
    leaves the rejection as it was, so that it holds again once the merge is taken back; only withdrawing ends it.
    Unmerging alone rejects nothing.
    """
    rejected: dict[int, bool] = {}
    for source_id, target_id, verdict in session.execute(_REJECTIONS, {"issue": issue_id}):
        rejected[target_id if source_id == issue_id else source_id] = verdict == "rejected"
    return {number for number, holds in rejected.items() if holds}


def list_rejected_issues(session: Session, viewer: Actor, issue: Issue) -> Sequence[Issue]:
    """Return those of the rejected issues that the viewer may see, oldest first."""
    seen = select(Issue).where(Issue.id.in_(list_rejected(session, issue.id)), visible_to(viewer))
    return session.scalars(seen.order_by(Issue.created_at, Issue.id)).all()


def find_merge(session: Session, link: IssueRelation) -> DuplicateVerdict | None:
    """Return the merge that made a duplicate what it is; none where it was only related, or imported."""
    return session.scalars(_MERGE, {"issue": link.source_id, "at": link.created_at}).first()


def list_verdicts(
    session: Session, viewer: Actor, issue: Issue, *, after_id: int = 0, limit: int = 100
) -> list[VerdictView]:
    """Return what people said of an issue and others that the viewer may see, oldest first, behind `after_id`."""
    visible = select(Issue.id).where(visible_to(viewer))
    both = (DuplicateVerdict.source_id.in_(visible), DuplicateVerdict.target_id.in_(visible))
    statement = (
        select(DuplicateVerdict)
        .where(_OF_ISSUE, *both, DuplicateVerdict.id > after_id)
        .order_by(DuplicateVerdict.id)
        .limit(limit)
    )
    rows = session.scalars(statement, {"issue": issue.id}).all()
    numbers = {number for row in rows for number in (row.source_id, row.target_id, row.canonical_id)}
    seen = select(Issue).where(Issue.id.in_([each for each in numbers if each is not None]), visible_to(viewer))
    issues: dict[int | None, Issue] = {each.id: each for each in session.scalars(seen)}
    authors = {each.id: each for each in session.scalars(select(User).where(User.id.in_({r.author_id for r in rows})))}
    return [
        VerdictView(
            verdict=row,
            author=authors[row.author_id],
            source=issues[row.source_id],
            target=issues[row.target_id],
            canonical=issues.get(row.canonical_id),
        )
        for row in rows
    ]
