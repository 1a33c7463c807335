"""Past bugs that share some of a report's rarest words, and what became of them."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import combinations
from typing import Any

from sqlalchemy import ColumnElement, Select, TextClause, bindparam, column, func, literal, select, table, text
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.queries import KEPT_CONDITIONS, LARGEST_NUMBER, visible_to
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.tables import Severity, Team
from bugflow.tracker.search.full_text import BODY_WEIGHT, COMMENTS_WEIGHT, TITLE_WEIGHT

MOST_COUNTED, MOST_ASKED = 16, 5
"""Words of a report whose frequency is looked up, and the rarest of them, by which is searched."""
TOO_FREQUENT = 100
"""A word that so many issues have says little, and ranking them all takes long."""
SHORTEST_WORD, LONGEST_WORD, LONGEST_TEXT = 3, 40, 4_000
Columns = Select[*tuple[Any, ...]]
_WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*")


@dataclass(frozen=True, slots=True)
class SimilarIssue:
    """A past bug and what became of it.

    Attributes:
        score: By shared words, above 0; higher is nearer, and only scores of one search can be compared.
    """

    key: str
    title: str
    status: str
    resolution: str | None
    severity: str | None
    team: str | None
    score: float


def find_similar(
    session: Session, viewer: Actor, title: str, description: str, *, before_id: int | None = None, most: int = 3
) -> list[SimilarIssue]:
    """Return the bugs that the viewer may see and that share two or more of a report's rarest words, nearest first.

    With `before_id` only issues with a lower number count. A report of frequent words alone is near to nothing.
    """
    before = LARGEST_NUMBER if before_id is None else before_id
    embedded = session.get_bind().dialect.name == "sqlite"
    words = _choose_words(session, _list_words(title, description), before, embedded=embedded)
    if not words:
        return []
    statement = _select_embedded(viewer) if embedded else _select_on_server(viewer)
    asked = {"words": _join(words, embedded=embedded), "before": before, "most": most}
    rows = session.execute(statement, asked)
    return [SimilarIssue(*row) for row in rows]


def _list_words(title: str, description: str) -> list[str]:
    """Return words to search by: those of the title first, then the longest of the text."""
    in_text = sorted(_split(description), key=len, reverse=True)
    return list(dict.fromkeys([*_split(title), *in_text]))[:MOST_COUNTED]


def _split(content: str) -> list[str]:
    found = (word.lower() for word in _WORD.findall(content[:LONGEST_TEXT]))
    return [word for word in dict.fromkeys(found) if SHORTEST_WORD <= len(word) <= LONGEST_WORD]


def _choose_words(session: Session, words: list[str], before: int, *, embedded: bool) -> list[str]:
    """Return the rarest words that another issue has as well."""
    if not words:
        return []
    asked: dict[str, Any] = {f"word{number}": _quote(word) for number, word in enumerate(words)}
    rows = session.execute(_count(len(words), embedded=embedded), asked | {"before": before})
    counts = {row.number: row.amount for row in rows}
    known = [number for number, amount in counts.items() if 0 < amount < TOO_FREQUENT]
    return [words[number] for number in sorted(known, key=counts.__getitem__)[:MOST_ASKED]]


def _join(words: list[str], *, embedded: bool) -> str:
    """Return what asks for any two of these words, or for the only one."""
    pairs = combinations([_quote(word) for word in words], 2) if len(words) > 1 else [(_quote(words[0]),)]
    if embedded:
        return " OR ".join(f"({' AND '.join(pair)})" for pair in pairs)
    return " or ".join(" ".join(pair) for pair in pairs)


def _quote(word: str) -> str:
    """Return a word as both indexes take it literally; it has no quotes of its own."""
    return f'"{word}"'


@cache
def _count(amount: int, *, embedded: bool) -> TextClause:
    """Return the statement that tells how many issues have each word, at most so many that it is too frequent."""
    if embedded:
        each = "SELECT rowid FROM issue_text WHERE issue_text MATCH :word{} AND rowid < :before LIMIT {}"
    else:
        each = (
            "SELECT issue_id FROM issue_text WHERE document @@ websearch_to_tsquery('english', :word{}) "
            "AND issue_id < :before LIMIT {}"
        )
    counts = (
        f"SELECT {number} AS number, count(*) AS amount FROM ({each.format(number, TOO_FREQUENT)}) AS found{number}"  # noqa: S608 -- Constants.
        for number in range(amount)
    )
    return text(" UNION ALL ".join(counts))


@lru_cache(KEPT_CONDITIONS)
def _select_embedded(viewer: Actor) -> Columns:
    index = table("issue_text", column("rowid"))
    weights = (literal(TITLE_WEIGHT), literal(BODY_WEIGHT), literal(COMMENTS_WEIGHT))
    score = (-func.bm25(text("issue_text"), *weights)).label("score")
    found = text("issue_text MATCH :words AND issue_text.rowid < :before")
    return _select(viewer, score, found).join_from(Issue, index, index.c.rowid == Issue.id)


@lru_cache(KEPT_CONDITIONS)
def _select_on_server(viewer: Actor) -> Columns:
    index = table("issue_text", column("issue_id"), column("document"))
    query = func.websearch_to_tsquery(text("'english'"), text(":words"))
    score = func.ts_rank_cd(index.c.document, query).label("score")
    found = text("issue_text.document @@ websearch_to_tsquery('english', :words) AND issue_text.issue_id < :before")
    return _select(viewer, score, found).join_from(Issue, index, index.c.issue_id == Issue.id)


def _select(viewer: Actor, score: ColumnElement[float], found: TextClause) -> Columns:
    columns: tuple[Any, ...] = (Issue.key, Issue.title, Issue.status, Issue.resolution, Severity.name, Team.name, score)
    return (
        select(*columns)
        .outerjoin_from(Issue, Severity, Severity.id == Issue.severity_id)
        .outerjoin(Team, Team.id == Issue.team_id)
        .where(found, visible_to(viewer), Issue.issue_type == "bug")
        .order_by(score.desc(), Issue.id.desc())
        .limit(bindparam("most"))
    )
