"""Asking the full-text index: FTS5 on SQLite, tsvector on PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, True_, bindparam, column, func, literal, select, table, text
from sqlalchemy.orm import Session

from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.search.language import Words

MOST_CANDIDATES = 1000
"""Of very common words only the newest issues are ranked, and the newest that have them in the title."""

_INDEX = table("issue_text", column("rowid"))

TITLE_WEIGHT, BODY_WEIGHT, COMMENTS_WEIGHT = 10.0, 3.0, 1.0


def searchable(words: Sequence[Words]) -> list[Words]:
    """Return the words that an index can hold: those with a letter or digit."""
    return [each for each in words if any(character.isalnum() for character in each.text)]


def match_condition(session: Session, words: Sequence[Words]) -> ColumnElement[bool]:
    """The condition that an issue's text has all of these words; negation is for the caller."""
    if session.get_bind().dialect.name == "sqlite":
        rows = text("SELECT rowid FROM issue_text WHERE issue_text MATCH :words").bindparams(
            bindparam("words", _fts5(words), unique=True)
        )
        return Issue.id.in_(rows)
    index = table("issue_text", column("issue_id"), column("document"))
    return Issue.id.in_(select(index.c.issue_id).where(index.c.document.bool_op("@@")(_tsquery(words))))


def rank_candidates(session: Session, words: Sequence[Words], conditions: Sequence[ColumnElement[bool]]) -> list[int]:
    """Return the numbers of the issues that have the words and meet the conditions, most relevant first."""
    if session.get_bind().dialect.name == "sqlite":
        scores = _sqlite_scores(session, _fts5(words), conditions)
        if len(scores) == MOST_CANDIDATES:
            older = _INDEX.c.rowid < min(scores)
            scores |= _sqlite_scores(session, f"title : ({_fts5(words)})", [*conditions, older])
        return sorted(scores, key=lambda number: (scores[number], -number))
    index = table("issue_text", column("issue_id"), column("document"))
    query = _tsquery(words)
    found = session.execute(
        select(Issue.id, func.ts_rank_cd(index.c.document, query).label("score"))
        .join(index, index.c.issue_id == Issue.id)
        .where(index.c.document.bool_op("@@")(query), *conditions)
        .order_by(Issue.id.desc())
        .limit(MOST_CANDIDATES)
    )
    return [row.id for row in sorted(found, key=lambda row: (-row.score, -row.id))]


def _sqlite_scores(session: Session, match: str, conditions: Sequence[ColumnElement[bool]]) -> dict[int, float]:
    weights = (literal(TITLE_WEIGHT), literal(BODY_WEIGHT), literal(COMMENTS_WEIGHT))
    score = func.bm25(text("issue_text"), *weights).label("score")
    statement = select(_INDEX.c.rowid, score).where(text("issue_text MATCH :match").bindparams(match=match))
    demanded = [each for each in conditions if not isinstance(each, True_)]
    if demanded:
        statement = statement.join(Issue, Issue.id == _INDEX.c.rowid).where(*demanded)
    found = session.execute(statement.order_by(_INDEX.c.rowid.desc()).limit(MOST_CANDIDATES))
    return dict(row for row in found)


def _fts5(words: Sequence[Words]) -> str:
    return " AND ".join('"' + each.text.replace('"', '""') + '"' for each in words)


def _tsquery(words: Sequence[Words]) -> ColumnElement[str]:
    queries = [func.phraseto_tsquery(text("'english'"), each.text) for each in words]
    combined: ColumnElement[str] = queries[0]
    for query in queries[1:]:
        combined = combined.op("&&")(query)
    return combined
