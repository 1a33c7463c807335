"""Duplicates as links: every duplicate leads straight to one older issue, also when many people link at once."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.changes import FieldChange
from bugflow.tracker.issues.errors import (
    AlreadyDuplicateError,
    DuplicateOfItselfError,
    DuplicatesInMotionError,
    FieldValueError,
    HiddenCanonicalError,
    NewerTargetError,
    RelationExistsError,
)
from bugflow.tracker.issues.queries import HIDDEN, visible_to
from bugflow.tracker.issues.service import record_field_change
from bugflow.tracker.issues.tables import Issue, IssueRelation
from bugflow.tracker.issues.vocabulary import FINISHED

DUPLICATE_OF = "duplicate_of"
LOCK_ATTEMPTS = 10
ROWS_AT_ONCE = 5_000
"""How many numbers go into one statement; SQLite takes 32,766 values."""

# Built once: building a statement costs more than running it.
_TARGET = select(IssueRelation.target_id).where(
    IssueRelation.source_id == bindparam("source"), IssueRelation.kind == DUPLICATE_OF
)
_LINKS = (
    select(IssueRelation)
    .where(
        IssueRelation.kind == DUPLICATE_OF,
        or_(
            IssueRelation.source_id.in_(bindparam("issues", expanding=True)),
            IssueRelation.target_id.in_(bindparam("issues", expanding=True)),
        ),
    )
    .execution_options(populate_existing=True)
)
_LOCK = (
    select(Issue.id)
    .where(Issue.id.in_(bindparam("issues", expanding=True)))
    .order_by(Issue.id)
    .with_for_update(key_share=True)
)


class Age(NamedTuple):
    """When an issue was created, and its number where several were at once: the smaller one is the older issue."""

    created_at: datetime
    number: int

    @classmethod
    def read(cls, created_at: str, number: int) -> Self:
        """Return the age that was written down, the moment as in ISO 8601."""
        return cls(datetime.fromisoformat(created_at), number)


def age_of(issue: Issue) -> Age:
    """Return an issue's age."""
    return Age(issue.created_at, issue.id)


@dataclass(frozen=True)
class Progress:
    """How far an issue is."""

    status: str
    resolution: str | None
    resolved_at: datetime | None
    closed_at: datetime | None

    @classmethod
    def of(cls, issue: Issue) -> Self:
        """Return how far an issue is."""
        return cls(issue.status, issue.resolution, issue.resolved_at, issue.closed_at)

    def closed_as_duplicate(self, now: datetime) -> "Progress":
        """Return how far it is once it is closed as a duplicate; what it was finished before stays so."""
        return Progress(
            status="closed",
            resolution="duplicate",
            resolved_at=self.resolved_at if self.status in FINISHED else now,
            closed_at=self.closed_at if self.status == "closed" else now,
        )


def set_progress(issue: Issue, progress: Progress) -> list[FieldChange]:
    """Set how far an issue is, without regard to which status follows which; return what is different now."""
    changes = (
        FieldChange("status", issue.status, progress.status),
        FieldChange("resolution", issue.resolution, progress.resolution),
    )
    issue.status, issue.resolution = progress.status, progress.resolution
    issue.resolved_at, issue.closed_at = progress.resolved_at, progress.closed_at
    return [change for change in changes if change.old != change.new]


@dataclass(frozen=True)
class Link:
    """A duplicate and what it leads to.

    Attributes:
        target: The canonical issue.
        moved: The numbers of the duplicates that came along.
        change: For the history of the duplicate.
    """

    relation: IssueRelation
    target: Issue
    moved: tuple[int, ...]
    change: FieldChange


def find_canonical(session: Session, issue_id: int) -> int:
    """Return what a duplicate leads to in the end, over any number of steps; an issue that is none leads to itself."""
    seen = {issue_id}
    while (following := session.scalar(_TARGET, {"source": issue_id})) is not None and following not in seen:
        seen.add(following)
        issue_id = following
    return issue_id


def list_links(session: Session, issue_ids: Collection[int]) -> dict[int, IssueRelation]:
    """Return, by their duplicate, the links of all issues that hang together with these, over any number of steps."""
    found: dict[int, IssueRelation] = {}
    seen, fresh = set(issue_ids), set(issue_ids)
    while fresh:
        rows = [row for some in cut_numbers(sorted(fresh)) for row in session.scalars(_LINKS, {"issues": some})]
        found |= {row.source_id: row for row in rows}
        fresh = {number for row in rows for number in (row.source_id, row.target_id)} - seen
        seen |= fresh
    return found


def cut_numbers(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield numbers in pieces that one statement takes."""
    return (numbers[start : start + ROWS_AT_ONCE] for start in range(0, len(numbers), ROWS_AT_ONCE))


class _ClusterGrewError(Exception):
    """Somebody linked another issue before all were locked."""


def lock_clusters(session: Session, issue_ids: Collection[int]) -> dict[int, IssueRelation]:
    """Let nobody else link these issues, or what hangs together with them, until this transaction ends.

    Everybody locks in the order of the numbers. Where more hangs together than was known when locking began, the locks
    are given back first: locked in addition, it could let two wait for each other.

    Returns:
        The links, as `list_links` does.

    Raises:
        DuplicatesInMotionError: Others linked these issues again and again.
    """
    for _ in range(LOCK_ATTEMPTS):
        with suppress(_ClusterGrewError), session.begin_nested():
            expected = _list_members(issue_ids, list_links(session, issue_ids))
            for some in cut_numbers(sorted(expected)):
                session.execute(_LOCK, {"issues": some}).all()
            links = list_links(session, issue_ids)
            if not _list_members(issue_ids, links) <= expected:
                raise _ClusterGrewError
            return links
    raise DuplicatesInMotionError


def _list_members(issue_ids: Collection[int], links: dict[int, IssueRelation]) -> set[int]:
    return {*issue_ids, *links, *(link.target_id for link in links.values())}


def link_duplicate(session: Session, source: Issue, target: Issue, *, actor: Actor, now: datetime) -> Link:
    """Make an issue a duplicate of the one that `target` leads to; its own duplicates come along.

    Raises:
        FieldValueError: It is one issue.
        DuplicateOfItselfError: The target is a duplicate of the source.
        RelationExistsError: It is said already.
        AlreadyDuplicateError: The source is a duplicate of another issue.
        HiddenCanonicalError: The target is a duplicate of an issue that the actor may not see.
        NewerTargetError: The target is not the older one.
        DuplicatesInMotionError: Others linked these issues again and again.
    """
    if source.id == target.id:
        raise FieldValueError("target", f"{source.key} cannot be related to itself.")
    links = lock_clusters(session, {source.id, target.id})
    session.refresh(source)
    canonical = _require_linkable(session, source, target, links, actor)
    relation = build_relation(source, canonical, kind=DUPLICATE_OF, created_by_id=actor.user_id, now=now)
    session.add(relation)
    followers = [link for link in links.values() if link.target_id == source.id]
    for link in followers:
        _lead_to(session, link, source, canonical, actor=actor, now=now)
    moved = tuple(sorted(link.source_id for link in followers))
    return Link(relation, canonical, moved, FieldChange(DUPLICATE_OF, None, canonical.key))


def _require_linkable(
    session: Session, source: Issue, target: Issue, links: dict[int, IssueRelation], actor: Actor
) -> Issue:
    """Return the canonical issue of the target, where the source may become its duplicate."""
    canonical_id = _follow(links, target.id)
    if canonical_id == source.id:
        raise DuplicateOfItselfError(source.key, target.key)
    present = links.get(source.id)
    if present is not None:
        other = _find_visible(session, present.target_id, actor)
        if other is not None and other.id == canonical_id:
            raise RelationExistsError(source.key, DUPLICATE_OF, other.key)
        raise AlreadyDuplicateError(source.key, HIDDEN if other is None else other.key)
    canonical = _find_visible(session, canonical_id, actor)
    if canonical is None:
        raise HiddenCanonicalError(source.key, target.key)
    if age_of(canonical) > age_of(source):
        raise NewerTargetError(canonical.key, source.key)
    return canonical


def _follow(links: dict[int, IssueRelation], number: int) -> int:
    while number in links:  # Never in a circle: each link leads to an older issue.
        number = links[number].target_id
    return number


def _find_visible(session: Session, issue_id: int, viewer: Actor) -> Issue | None:
    return session.scalars(select(Issue).where(Issue.id == issue_id, visible_to(viewer))).first()


def build_relation(
    source: Issue, target: Issue, *, kind: str, created_by_id: int | None, now: datetime
) -> IssueRelation:
    """Return a relation of two issues, which is not stored yet."""
    return IssueRelation(
        source_id=source.id,
        source_created_at=source.created_at,
        target_id=target.id,
        target_created_at=target.created_at,
        kind=kind,
        created_by_id=created_by_id,
        created_at=now,
    )


def _lead_to(session: Session, link: IssueRelation, old: Issue, new: Issue, *, actor: Actor, now: datetime) -> None:
    link.target_id, link.target_created_at = new.id, new.created_at
    duplicate = session.get_one(Issue, link.source_id, populate_existing=True)
    change = FieldChange(DUPLICATE_OF, old.key, new.key)
    record_field_change(session, duplicate, change, actor=actor, now=now)


def unlink_duplicate(
    session: Session, source: Issue, *, moved: Collection[int] = (), actor: Actor, now: datetime
) -> Link | None:
    """Let an issue be a duplicate no longer; return the link that was, or none where it is no duplicate.

    Args:
        session: A session that writes.
        source: The duplicate.
        moved: The duplicates that came along when it was linked. They go back, unless they were linked anew since.
        actor: Who does it.
        now: The moment.
    """
    links = lock_clusters(session, {source.id})
    session.refresh(source)
    link = links.get(source.id)
    if link is None:
        return None
    target = session.get_one(Issue, link.target_id)
    session.delete(link)
    session.flush()
    back = [
        links[number]
        for number in moved
        if number in links and links[number].target_id == target.id and links[number].created_at <= link.created_at
    ]
    for each in back:
        _lead_to(session, each, target, source, actor=actor, now=now)
    returned = tuple(sorted(each.source_id for each in back))
    return Link(link, target, returned, FieldChange(DUPLICATE_OF, target.key, None))
