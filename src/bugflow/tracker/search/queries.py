"""Finding issues: by fields in the database's order, by words most relevant first; a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, not_, or_, select
from sqlalchemy.orm import Session

from bugflow.core.http.pagination import CursorError, decode_cursor, encode_cursor
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.queries import load_issues, visible_to
from bugflow.tracker.issues.tables import DUE_ORDER, PRIORITY_ORDER, Issue
from bugflow.tracker.search.conditions import build_conditions
from bugflow.tracker.search.full_text import match_condition, rank_candidates, searchable
from bugflow.tracker.search.language import Group, Query, Sort

BY_TIME = Sort("updated", descending=True)


@dataclass(frozen=True)
class NumberPage:
    """The numbers of a part of a result's issues, in order; `next_cursor` is none at the end."""

    numbers: Sequence[int]
    next_cursor: str | None


@dataclass(frozen=True)
class IssuePage:
    """A part of a result; `next_cursor` is none at the end."""

    issues: Sequence[Issue]
    next_cursor: str | None


def search_issues(
    session: Session, viewer: Actor, query: Query, *, limit: int = 50, cursor: str | None = None
) -> IssuePage:
    """Return a page of the visible issues that a query asks for, in the order of `find_numbers`.

    Raises:
        CursorError: The cursor is not one of this list.
    """
    page = find_numbers(session, viewer, query, limit=limit, cursor=cursor)
    return IssuePage(load_issues(session, page.numbers), page.next_cursor)


def find_numbers(
    session: Session, viewer: Actor, query: Query, *, limit: int = 50, cursor: str | None = None
) -> NumberPage:
    """Return which of the visible issues a query asks for, a page at a time.

    With words the order is relevance unless the query says otherwise; without, what changed last comes first.

    Raises:
        CursorError: The cursor is not one of this list.
    """
    today = datetime.now(UTC).date()
    words = searchable([each for each in query.words if not each.negated])
    conditions = _conditions_beside_words(session, viewer, query, today)
    if words and (query.sort is None or query.sort.field == "relevance"):
        return _page_by_relevance(rank_candidates(session, words, conditions), limit, cursor)
    if words:
        conditions.append(match_condition(session, words))
    sort = query.sort if query.sort is not None and query.sort.field != "relevance" else BY_TIME
    return _page_by_field(session, conditions, sort, limit, cursor)


def find_conditions(session: Session, viewer: Actor, query: Query, *, today: date) -> list[ColumnElement[bool]]:
    """Return everything that a query asks for, and that the viewer may see it, as conditions."""
    conditions = _conditions_beside_words(session, viewer, query, today)
    words = searchable([each for each in query.words if not each.negated])
    return [*conditions, match_condition(session, words)] if words else conditions


def _conditions_beside_words(session: Session, viewer: Actor, query: Query, today: date) -> list[ColumnElement[bool]]:
    unwanted = searchable([each for each in query.words if each.negated])
    return [
        visible_to(viewer),
        *build_conditions(session, query, viewer, today=today),
        *(not_(match_condition(session, [each])) for each in unwanted),
        *(_group_condition(session, viewer, group, today) for group in query.groups),
    ]


def _group_condition(session: Session, viewer: Actor, group: Group, today: date) -> ColumnElement[bool]:
    either = or_(*(_whole_condition(session, viewer, each, today) for each in group.alternatives))
    return not_(func.coalesce(either, false())) if group.negated else either


def _whole_condition(session: Session, viewer: Actor, query: Query, today: date) -> ColumnElement[bool]:
    words = searchable([each for each in query.words if not each.negated])
    unwanted = searchable([each for each in query.words if each.negated])
    if query == Query(words=query.words) and not words and not unwanted:
        return false()  # Signs alone find nothing, where they are one of several alternatives.
    return and_(
        *build_conditions(session, query, viewer, today=today),
        *([match_condition(session, words)] if words else []),
        *(not_(match_condition(session, [each])) for each in unwanted),
        *(_group_condition(session, viewer, group, today) for group in query.groups),
    )


def _page_by_relevance(ranked: list[int], limit: int, cursor: str | None) -> NumberPage:
    start = 0
    if cursor is not None:
        [start] = decode_cursor(cursor, length=1)
        if not isinstance(start, int) or start < 0:
            raise CursorError
    more = encode_cursor([start + limit]) if start + limit < len(ranked) else None
    return NumberPage(ranked[start : start + limit], more)


def _page_by_field(
    session: Session, conditions: list[ColumnElement[bool]], sort: Sort, limit: int, cursor: str | None
) -> NumberPage:
    key = _sort_key(sort.field)
    if cursor is not None:
        conditions.append(_behind(key, sort, *decode_cursor(cursor, length=2)))
    order = (key.desc(), Issue.id.desc()) if sort.descending else (key.asc(), Issue.id.asc())
    chosen = select(Issue.id, key.label("sort_key")).where(*conditions).order_by(*order).limit(limit + 1)
    rows = session.execute(chosen).all()
    numbers = [row.id for row in rows[:limit]]
    more = encode_cursor([_plain(rows[limit - 1].sort_key), numbers[-1]]) if len(rows) > limit else None
    return NumberPage(numbers, more)


def _sort_key(field: str) -> ColumnElement[Any]:
    keys: dict[str, Any] = {
        "updated": Issue.updated_at,
        "created": Issue.created_at,
        "id": Issue.id,
        "priority": PRIORITY_ORDER,
        "severity": Issue.severity_rank,
        "due": DUE_ORDER,
    }
    key: ColumnElement[Any] = keys[field]
    return key


def _behind(key: ColumnElement[Any], sort: Sort, value: object, number: object) -> ColumnElement[bool]:
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) > 2**31:
        raise CursorError
    last = _typed(sort.field, value)
    if sort.descending:
        return or_(key < last, and_(key == last, Issue.id < number))
    return or_(key > last, and_(key == last, Issue.id > number))


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _typed(field: str, value: object) -> object:
    try:
        if field in {"updated", "created"}:
            moment = datetime.fromisoformat(str(value))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if field == "due":
            return date.fromisoformat(str(value))
    except ValueError as error:
        raise CursorError from error
    if not isinstance(value, int) or abs(value) > 2**31:
        raise CursorError
    return value
