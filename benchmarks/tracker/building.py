"""A database of many issues and comments, the same for the same numbers."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select, text

from bugflow.core.database import Database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.tables import Comment, Issue, IssueChange, IssueLabel
from bugflow.tracker.issues.text_index import IssueText, write_texts
from bugflow.tracker.projects.service import create_project
from bugflow.tracker.projects.tables import Project, Severity, Team

PASSWORD = "a password of the benchmark"  # noqa: S105 -- It protects nothing.
SEED = 20_261_121
BATCH = 2000
PROJECTS, USERS = 10, 60
WORDS = 30_000
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SYLLABLES = [first + second for first in "bdfglmnprstvz" for second in ("a", "e", "i", "o", "u", "an", "er")]
# fmt: off
TECHNICAL = [
    "button", "login", "crash", "page", "server", "query", "null", "pointer", "timeout", "error", "upload",
    "session", "token", "cache", "index", "docker", "deploy", "android", "build", "memory", "leak", "thread", "lock",
    "database", "user", "password", "image", "render", "scroll", "network", "retry", "header", "cookie",
]
# fmt: on
ASSIGNED = 0.7
STATUSES = ("open", "in_progress", "resolved", "closed")
STATUS_WEIGHTS = (0.22, 0.05, 0.13, 0.60)


@dataclass(frozen=True)
class Size:
    """How large the database is."""

    issues: int
    comments: int


class Prose:
    """Text whose words are as unevenly frequent as those of a language (Zipf's law, exponent 1)."""

    def __init__(self, chance: random.Random, words: Sequence[str] = ()) -> None:
        """Take words, the most frequent first; without any, make them up."""
        self._chance = chance
        self._words = list(words) or _make_words(chance)
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._words) + 1)))

    def write(self, least: int, most: int) -> str:
        """Return so many words."""
        count = self._chance.randint(least, most)
        return " ".join(self._chance.choices(self._words, cum_weights=self._weights, k=count))

    def trace(self) -> str:
        """Return a stack trace; none here."""
        return ""

    def common_word(self) -> str:
        """Return the most frequent word that has meaning to a tester."""
        return next(word for word in self._words if word in TECHNICAL)


def _make_words(chance: random.Random) -> list[str]:
    made = {"".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(WORDS * 2)}
    words = (TECHNICAL * 3 + sorted(made))[:WORDS]
    chance.shuffle(words)
    return words


def build_database(
    database: Database,
    size: Size,
    hasher: PasswordHasher,
    *,
    make_prose: Callable[[random.Random], Prose] = Prose,
) -> None:
    """Fill an empty, migrated database."""
    chance = random.Random(SEED)
    prose = make_prose(chance)
    _build_people_and_projects(database, hasher)
    with database.transaction() as session:
        connection = session.connection()
        for start in range(1, size.issues + 1, BATCH):
            numbers = range(start, min(start + BATCH, size.issues + 1))
            _write_batch(connection, numbers, size, prose, chance)
    if database.engine.dialect.name == "postgresql":
        with database.transaction() as session:
            for table in ("issues", "comments", "issue_changes"):
                session.execute(text(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"))  # noqa: S608
    with database.transaction() as session:
        session.execute(text("ANALYZE"))


def _build_people_and_projects(database: Database, hasher: PasswordHasher) -> None:
    hashed, system = hasher.hash(PASSWORD), build_system_actor("cli")
    roles = (Role.PROJECT_MANAGER, Role.DEVELOPER, Role.TESTER)
    with database.transaction() as session:
        for number in range(1, USERS + 1):
            create_user(
                session,
                email=f"user{number}@example.com",
                name=f"User {number}",
                role=roles[number % len(roles)],
                password_hash=hashed,
                actor=system,
                now=NOW,
            )
        for number in range(1, PROJECTS + 1):
            create_project(session, key=f"P{number}", name=f"Project {number}", actor=system, now=NOW)


def _write_batch(connection: Connection, numbers: range, size: Size, prose: Prose, chance: random.Random) -> None:
    names = _read_names(connection)
    issues = [_build_issue(number, size, names, prose, chance) for number in numbers]
    per_issue = size.comments / size.issues
    comments = [
        _build_comment(issue, prose, chance)
        for issue in issues
        for _ in range(int(issue["id"] * per_issue) - int((issue["id"] - 1) * per_issue))
    ]
    counts: dict[int, int] = {}
    texts: dict[int, list[str]] = {}
    for comment in comments:
        counts[comment["issue_id"]] = counts.get(comment["issue_id"], 0) + 1
        texts.setdefault(comment["issue_id"], []).append(comment["body"])
    for issue in issues:
        issue["comment_count"] = counts.get(issue["id"], 0)
    connection.execute(insert(Issue), issues)
    if comments:
        connection.execute(insert(Comment), comments)
    connection.execute(insert(IssueLabel), list(_build_labels(issues, chance)))
    connection.execute(insert(IssueChange), list(_build_changes(issues)))
    rows = [
        IssueText(each["id"], each["title"], each["description"], "\n".join(texts.get(each["id"], ())))
        for each in issues
    ]
    write_texts(connection, rows, new=True)


def _read_names(connection: Connection) -> dict[str, list[int]]:
    return {
        table.__tablename__: list(connection.scalars(select(table.id).order_by(table.id)))
        for table in (User, Project, Severity, Team)
    }


def _build_issue(
    number: int, size: Size, names: dict[str, list[int]], prose: Prose, chance: random.Random
) -> dict[str, Any]:
    created = NOW - timedelta(minutes=(size.issues - number) * 12 + chance.random() * 12)
    updated = min(NOW, created + timedelta(hours=chance.expovariate(1 / 400)))
    [status] = chance.choices(STATUSES, STATUS_WEIGHTS)
    done = updated if status in {"resolved", "closed"} else None
    project, severity = chance.choice(names["projects"]), chance.choice(names["severities"])
    return {
        "id": number,
        "uuid": UUID(int=chance.getrandbits(128), version=4),
        "key": f"P{names['projects'].index(project) + 1}-{number}",
        "project_id": project,
        "title": prose.write(5, 11).capitalize(),
        "description": prose.write(30, 90),
        "stack_trace": prose.trace(),
        "issue_type": chance.choice(("bug", "bug", "bug", "story", "task")),
        "status": status,
        "resolution": "fixed" if done else None,
        "severity_id": severity,
        "severity_rank": names["severities"].index(severity) + 1,
        "team_id": chance.choice(names["teams"]),
        "priority_rank": chance.choice((None, 1, 2, 3, 4, 5)),
        "assignee_id": chance.choice(names["users"]) if chance.random() < ASSIGNED else None,
        "reporter_id": chance.choice(names["users"]),
        "created_at": created,
        "updated_at": updated,
        "resolved_at": done,
        "closed_at": done if status == "closed" else None,
    }


def _build_comment(issue: dict[str, Any], prose: Prose, chance: random.Random) -> dict[str, Any]:
    at = issue["created_at"] + (issue["updated_at"] - issue["created_at"]) * chance.random()
    author = chance.choice((issue["reporter_id"], issue["assignee_id"] or issue["reporter_id"]))
    return {
        "issue_id": issue["id"],
        "author_id": author,
        "body": prose.write(8, 45),
        "created_at": at,
        "updated_at": at,
    }


def _build_labels(issues: list[dict[str, Any]], chance: random.Random) -> Iterator[dict[str, Any]]:
    for issue in issues:
        for label in sorted({f"label-{chance.randint(1, 80)}" for _ in range(2)}):
            yield {"issue_id": issue["id"], "label": label}


def _build_changes(issues: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for issue in issues:
        if issue["status"] != "open":
            yield {
                "issue_id": issue["id"],
                "actor_id": issue["assignee_id"],
                "at": issue["updated_at"],
                "field": "status",
                "old": "open",
                "new": issue["status"],
            }
