"""The board: one column for each status, each with its first issues and how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.issues.vocabulary import STATUSES
from bugflow.tracker.search.language import Filter, Query
from bugflow.tracker.search.queries import find_conditions, search_issues

COUNTED = 1000
"""Counting goes no further: a board shows "1000+", and stays fast at a hundred thousand issues."""


@dataclass(frozen=True)
class BoardColumn:
    """The issues of one status; `count` is at most `COUNTED`, and then there may be more."""

    status: str
    count: int
    issues: Sequence[Issue]
    next_cursor: str | None


def read_board(session: Session, viewer: Actor, query: Query, *, limit: int) -> list[BoardColumn]:
    """Return a column for every status, with up to `limit` issues each, in the order a list has."""
    columns = []
    for status in STATUSES:
        wanted = replace(query, filters=(*query.filters, Filter("status", (status,))))
        page = search_issues(session, viewer, wanted, limit=limit)
        count = len(page.issues)
        if page.next_cursor is not None:
            count = _count(session, viewer, wanted)
        columns.append(BoardColumn(status, count, page.issues, page.next_cursor))
    return columns


def _count(session: Session, viewer: Actor, query: Query) -> int:
    conditions = find_conditions(session, viewer, query, today=datetime.now(UTC).date())
    some = select(Issue.id).where(*conditions).limit(COUNTED).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0
