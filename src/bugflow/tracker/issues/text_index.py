"""The full-text rows of issues, written in the transaction that changes the text.

SQLite: the FTS5 table `issue_text(title, body, comments)`, rowid = issue id, tokenizer `porter unicode61`.
PostgreSQL: the table `issue_text(issue_id primary key, document tsvector)`, configuration `english`, weights A title,
B body, C comments, with a GIN index. The body is description, stack trace and environment; comments are joined.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from bugflow.tracker.issues.tables import Comment, Issue

LONGEST_TEXT = 500_000
"""Characters of one document part that are indexed; PostgreSQL's tsvector holds 1 MB."""
BATCH = 500

_SQLITE_DELETE = text("DELETE FROM issue_text WHERE rowid = :id")
_SQLITE_INSERT = text("INSERT INTO issue_text (rowid, title, body, comments) VALUES (:id, :title, :body, :comments)")
_POSTGRESQL_UPSERT = text(
    "INSERT INTO issue_text (issue_id, document) VALUES (:id, "
    "setweight(to_tsvector('english', :title), 'A') || setweight(to_tsvector('english', :body), 'B') || "
    "setweight(to_tsvector('english', :comments), 'C')) "
    "ON CONFLICT (issue_id) DO UPDATE SET document = EXCLUDED.document"
)


@dataclass(frozen=True)
class IssueText:
    """The searchable text of one issue."""

    issue_id: int
    title: str
    body: str
    comments: str

    def to_row(self) -> dict[str, int | str]:
        """Return the row as parameters, without NUL characters and cut to what an index holds."""
        return {
            "id": self.issue_id,
            "title": self.title.replace("\0", ""),
            "body": self.body[:LONGEST_TEXT].replace("\0", ""),
            "comments": self.comments[:LONGEST_TEXT].replace("\0", ""),
        }


def write_texts(connection: Connection, texts: Sequence[IssueText], *, new: bool = False) -> None:
    """Write full-text rows, replacing older ones; `new` promises that there are none."""
    rows = [each.to_row() for each in texts]
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        if not new:
            connection.execute(_SQLITE_DELETE, [{"id": row["id"]} for row in rows])
        connection.execute(_SQLITE_INSERT, rows)
    else:
        connection.execute(_POSTGRESQL_UPSERT, rows)


def index_issue(session: Session, issue: Issue) -> None:
    """Bring the full-text row of one flushed issue up to date."""
    index_issues(session, [issue.id])


def index_new_issue(session: Session, issue: Issue) -> None:
    """Write the full-text row of a flushed issue that has none and no comments yet."""
    row = IssueText(issue.id, issue.title, _join_body(issue.description, issue.stack_trace, issue.environment), "")
    write_texts(session.connection(), [row], new=True)


def index_issues(session: Session, issue_ids: Iterable[int]) -> None:
    """Bring the full-text rows of these issues up to date."""
    session.flush()
    ids = list(issue_ids)
    for start in range(0, len(ids), BATCH):
        write_texts(session.connection(), _read_texts(session, ids[start : start + BATCH]))


def reindex_after(session: Session, issue_id: int, *, limit: int = BATCH) -> tuple[int, int]:
    """Write the full-text rows of the next issues anew; return the last one's number and how many they were."""
    ids = session.scalars(select(Issue.id).where(Issue.id > issue_id).order_by(Issue.id).limit(limit)).all()
    index_issues(session, ids)
    return (ids[-1] if ids else issue_id), len(ids)


def delete_left_over_rows(session: Session) -> None:
    """Delete full-text rows that belong to no issue; PostgreSQL has none, by its foreign key."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("DELETE FROM issue_text WHERE rowid NOT IN (SELECT id FROM issues)"))


def count_stale_rows(session: Session) -> tuple[int, int]:
    """Return how many issues have no full-text row, and how many rows have no issue."""
    if session.get_bind().dialect.name == "sqlite":  # The table of sizes has one short row for each long one.
        rows = "SELECT id FROM issue_text_docsize"
    else:
        rows = "SELECT issue_id FROM issue_text"
    lacking = text(f"SELECT count(*) FROM issues WHERE id NOT IN ({rows})")  # noqa: S608 -- A constant.
    left_over = text(f"SELECT count(*) FROM ({rows} EXCEPT SELECT id FROM issues) AS each")  # noqa: S608 -- The same.
    return session.scalar(lacking) or 0, session.scalar(left_over) or 0


def _read_texts(session: Session, issue_ids: Sequence[int]) -> list[IssueText]:
    comments: dict[int, list[str]] = {}
    for issue_id, body in session.execute(
        select(Comment.issue_id, Comment.body)
        .where(Comment.issue_id.in_(issue_ids), Comment.deleted_at.is_(None))
        .order_by(Comment.issue_id, Comment.id)
    ):
        comments.setdefault(issue_id, []).append(body)
    columns = select(Issue.id, Issue.title, Issue.description, Issue.stack_trace, Issue.environment)
    return [
        IssueText(identity, title, _join_body(*parts), "\n".join(comments.get(identity, ())))
        for identity, title, *parts in session.execute(columns.where(Issue.id.in_(issue_ids)))
    ]


def _join_body(description: str, stack_trace: str, environment: str) -> str:
    return f"{description}\n{stack_trace}\n{environment}"
