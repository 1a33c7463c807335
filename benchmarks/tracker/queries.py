"""How many SQL statements each listing takes, and how long the slowest of them."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from bugflow.core.database import open_database
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.queries import get_user
from bugflow.tracker.issues.queries import get_issue, list_changes, list_comments, list_relations, view_issues
from bugflow.tracker.search.board import read_board
from bugflow.tracker.search.language import parse_query
from bugflow.tracker.search.queries import search_issues

REPEATS = 30
TARGET_MS = 10.0

QUERIES = (
    "",
    "is:open",
    "is:open team:Backend severity:high",
    "is:open team:Backend severity:high project:P3",
    "project:P3 status:closed",
    "assignee:@me is:open",
    "is:unassigned is:open priority:high",
    "label:label-7",
    "created:>2026-06-01 sort:created-asc",
    "sort:priority",
    "sort:severity",
    "sort:due-asc",
    "is:open type:story -team:Backend",
    "null pointer",
    "button",
    "crash is:open sort:updated",
)


def measure_queries(address: str) -> list[str]:
    """Return a table of the listings' SQL, for a tester: who sees not everything."""
    database = open_database(address)
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:  # noqa: ANN401 -- SQLAlchemy's hook.
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    lines = ["\n| SQL of | statements | slowest statement, median ms | p95 ms |", "|---|---|---|---|"]
    with database.snapshot() as session:
        viewer = build_actor(get_user(session, "user2@example.com"), origin="api")
    for name, run in _listings(viewer):
        with database.snapshot() as session:
            asked.clear()
            run(session)
            statements = [each for each in asked if not each[0].startswith("BEGIN")]
            slowest = [max(_time(session, each) for each in statements) for _ in range(REPEATS)]
        p95 = statistics.quantiles(slowest, n=20)[18]
        mark = "" if statistics.median(slowest) < TARGET_MS else " (over 10)"
        lines.append(f"| {name} | {len(statements)} | {statistics.median(slowest):.1f}{mark} | {p95:.1f} |")
    database.dispose()
    return lines


def _time(session: Session, asked: tuple[str, Any]) -> float:
    """Return the milliseconds of a statement with all its rows fetched: SQLite finds them only then."""
    started = time.perf_counter()
    session.connection().exec_driver_sql(*asked).fetchall()
    return (time.perf_counter() - started) * 1000


def _listings(viewer: Actor) -> list[tuple[str, Callable[[Session], object]]]:
    def search(query: str) -> Callable[[Session], object]:
        return lambda session: view_issues(session, search_issues(session, viewer, parse_query(query)).issues)

    def page(session: Session) -> None:
        issue = get_issue(session, viewer, 4711)
        view_issues(session, [issue])
        list_comments(session, issue)
        list_changes(session, issue)
        list_relations(session, viewer, issue)

    listings: list[tuple[str, Callable[[Session], object]]] = [(f"`{each}`", search(each)) for each in QUERIES]
    board = parse_query("project:P3")
    return [
        *listings,
        ("the board of a project", lambda session: read_board(session, viewer, board, limit=50)),
        ("an issue's page", page),
    ]
