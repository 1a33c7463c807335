"""Older issues that may be the same bug, found by full text: while a process is still loading all of them."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.profiling import IssueText
from bugflow.assist.intake.predicting import join_description
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.duplicates import DUPLICATE_OF
from bugflow.tracker.issues.tables import Issue, IssueRelation
from bugflow.tracker.search.similar import find_similar

LOADING = "The issues are being loaded. Until then only bugs that share rare words are found, without a probability."
MOST_FOUND = 20


def find_meanwhile(
    session: Session, viewer: Actor, text: IssueText, *, left_out: Collection[int] = ()
) -> list[tuple[int, int]]:
    """Return bugs that share two of a report's rarest words, the nearest first, and what each is a duplicate of.

    One for each group; of an issue neither itself nor what it is merged with, and nothing that is left out.
    """
    description = join_description(text.description, text.stack_trace)
    before = text.issue_id or None  # No issue yet: all are older.
    similar = find_similar(session, viewer, text.title, description, before_id=before, most=MOST_FOUND)
    keys = [each.key for each in similar]
    numbers = {row[0]: row[1] for row in session.execute(select(Issue.key, Issue.id).where(Issue.key.in_(keys)))}
    found = [numbers[key] for key in keys]
    canonical = _read_canonical(session, [*found, text.issue_id])
    own = canonical.get(text.issue_id, text.issue_id)
    groups: dict[int, int] = {}
    for number in found:
        named = canonical.get(number, number)
        if named != own and not {number, named}.intersection(left_out):
            groups.setdefault(named, number)
    return [(number, named) for named, number in groups.items()]


def _read_canonical(session: Session, numbers: Collection[int]) -> dict[int, int]:
    link = select(IssueRelation.source_id, IssueRelation.target_id).where(
        IssueRelation.kind == DUPLICATE_OF, IssueRelation.source_id.in_(numbers)
    )
    return {row[0]: row[1] for row in session.execute(link)}
