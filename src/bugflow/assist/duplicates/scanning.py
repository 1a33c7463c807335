"""Looks through a whole tracker for issues that may be the same bug and that nobody has merged yet."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.hosting import DuplicateHost
from bugflow.assist.duplicates.suggesting import read_issue, suggest
from bugflow.assist.duplicates.suggestion_schemas import SuggestionRead
from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.duplicates import DUPLICATE_OF
from bugflow.tracker.issues.tables import Issue, IssueRelation

LOOKED_AT = 3
"""Suggestions of each issue: what is less probable than these is rarely the same bug."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which issues are looked at; what each is compared with is every older issue.

    Attributes:
        project_id: Only those of a project.
        since: Only those that were created then or later.
    """

    project_id: int | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """An issue, and an older one that may be the same bug."""

    key: str
    title: str
    status: str
    created_at: datetime
    older: SuggestionRead


@dataclass(frozen=True, slots=True)
class Cluster:
    """Issues that may all be the same bug.

    Attributes:
        pairs: Why: each newer issue with an older one, the most probable first.
    """

    pairs: tuple[Pair, ...]

    @property
    def probability(self) -> float:
        """Of its surest pair; 0 without a learned ranking."""
        return max(pair.older.probability or 0 for pair in self.pairs)

    @property
    def keys(self) -> tuple[str, ...]:
        """Its issues, in the order in which they are named."""
        return tuple(dict.fromkeys(key for pair in self.pairs for key in (pair.older.key, pair.key)))


def scan(
    host: DuplicateHost,
    database: Database,
    actor: Actor,
    *,
    scope: Scope | None = None,
    least: float = 0.0,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> list[Cluster]:
    """Return clusters of issues that may be the same bug, the surest first; nothing is changed.

    Left out are issues that are duplicates already, and pairs of which somebody said that they are none.

    Args:
        host: The issues in memory, loaded.
        database: Where they are.
        actor: Whose view it is.
        scope: Which issues are looked at.
        least: What is less probable is left out, in [0, 1].
        tell: Is called with how many issues are done, and how many there are.
    """
    with database.snapshot() as session:
        numbers = list(session.scalars(_select_issues(scope or Scope())))
    pairs: list[Pair] = []
    for done, number in enumerate(numbers, start=1):
        pairs += _look_at(host, database, actor, number, least)
        tell(done, len(numbers))
    return _join(pairs)


def _select_issues(scope: Scope) -> Select[int]:
    merged = select(IssueRelation.source_id).where(IssueRelation.kind == DUPLICATE_OF)
    wanted = select(Issue.id).where(Issue.id.not_in(merged)).order_by(Issue.created_at, Issue.id)
    if scope.project_id is not None:
        wanted = wanted.where(Issue.project_id == scope.project_id)
    return wanted if scope.since is None else wanted.where(Issue.created_at >= scope.since)


def _look_at(host: DuplicateHost, database: Database, actor: Actor, number: int, least: float) -> list[Pair]:
    with database.snapshot() as session:
        issue = session.get(Issue, number)
        if issue is None:  # It may have been deleted since.
            return []
        sought = read_issue(session, actor, issue)
        facts = issue.key, issue.title, issue.status, issue.created_at
    found = suggest(host, database, actor, sought, most=LOOKED_AT).suggestions
    return [Pair(*facts, each) for each in found if each.probability is None or each.probability >= least]


def _join(pairs: list[Pair]) -> list[Cluster]:
    """Put pairs that hang together into clusters."""
    leads: dict[str, str] = {}

    def find(key: str) -> str:
        while (following := leads.get(key, key)) != key:
            key = following
        return key

    for pair in pairs:
        leads[find(pair.key)] = find(pair.older.key)
    together: dict[str, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda each: -(each.older.probability or 0)):
        together.setdefault(find(pair.key), []).append(pair)
    return [Cluster(tuple(each)) for each in together.values()]


def count_unprofiled(session: Session, host: DuplicateHost) -> int:
    """Return how many issues are not in memory, since they have no profile: they are not compared."""
    numbers = set(session.scalars(select(Issue.id)))
    with host.read() as known:
        return len(numbers) if known is None else len(numbers - known.list_ids())
