"""What the index of a process reads of the database."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, bindparam, func, select, text
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.known import IssueState, Sight
from bugflow.assist.duplicates.profiling import IssueText, read_texts
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, cut_numbers
from bugflow.tracker.issues.tables import Issue, IssueRelation
from bugflow.tracker.projects.queries import visible_to
from bugflow.tracker.projects.tables import Project

STATE = (
    Issue.id,
    Issue.updated_at,
    Issue.project_id,
    Issue.component_id,
    Issue.issue_type,
    Issue.priority_rank,
    Issue.reporter_id,
    Issue.assignee_id,
    Issue.restricted,
    Issue.created_at,
    Issue.resolved_at,
    Issue.closed_at,
)
READ_AT_ONCE = 1_000
_KEPT = (IssueProfile.encoder, IssueProfile.digest, IssueProfile.issue_updated_at, IssueProfile.profile)
_LINK = select(IssueRelation.source_id, IssueRelation.target_id).where(IssueRelation.kind == DUPLICATE_OF)

# Built once: building a statement costs more than running it.
_ISSUES = select(*STATE, *_KEPT).outerjoin(IssueProfile, IssueProfile.issue_id == Issue.id)
# PostgreSQL does not see by itself that the profiles begin behind there, too, and would read them from the first on.
_BATCH = (
    select(*STATE, *_KEPT)
    .outerjoin(IssueProfile, and_(IssueProfile.issue_id == Issue.id, IssueProfile.issue_id > bindparam("after")))
    .where(Issue.id > bindparam("after"))
    .order_by(Issue.id)
    .limit(bindparam("most"))
)
_SOME = _ISSUES.where(Issue.id.in_(bindparam("issues", expanding=True))).order_by(Issue.id)
_FORGET = text("PRAGMA shrink_memory")
_STAMPS = select(Issue.id, Issue.updated_at)
_CHANGED = _STAMPS.where(Issue.updated_at >= bindparam("since"))
_NEW = _STAMPS.where(Issue.id > bindparam("above"))
_WRITTEN = (
    select(IssueProfile.issue_id, IssueProfile.encoder, IssueProfile.digest)
    .where(IssueProfile.written_at >= bindparam("since"))
    .order_by(IssueProfile.written_at.desc())
    .limit(bindparam("most"))
)
_NEW_LINKS = _LINK.where(IssueRelation.id > bindparam("above"))
_LINKS_OF = _LINK.where(IssueRelation.source_id.in_(bindparam("issues", expanding=True)))
_LATEST = (
    select(IssueProfile.profile, IssueProfile.encoder)
    .where(IssueProfile.encoder != "")
    .order_by(IssueProfile.written_at.desc())
    .limit(1)
)


class KeptProfile(NamedTuple):
    """A profile as the database keeps it."""

    encoder: str
    digest: str
    issue_updated_at: datetime
    packed: str


class Written(NamedTuple):
    """That a profile was written."""

    issue_id: int
    encoder: str
    digest: str


@dataclass(frozen=True, slots=True)
class Highest:
    """The largest numbers given so far."""

    issue_id: int = 0
    relation_id: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Some issues as they are at one moment.

    Attributes:
        issues: Each with the profile that is kept of it, if any.
        texts: Of those whose profile is missing, or perhaps of another text.
        links: Of each what it is a duplicate of; none where it is no duplicate.
        gone: Which are no more.
    """

    issues: Sequence[tuple[IssueState, KeptProfile | None]] = ()
    texts: dict[int, IssueText] = field(default_factory=dict)
    links: dict[int, int | None] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()


def read_highest(session: Session) -> Highest:
    """Return the largest numbers of issues and relations."""
    return Highest(
        session.scalar(select(func.max(Issue.id))) or 0, session.scalar(select(func.max(IssueRelation.id))) or 0
    )


def read_batch(session: Session, after_id: int, *, most: int) -> list[tuple[IssueState, KeptProfile | None]]:
    """Return issues by their numbers, beginning behind one."""
    return list(_split(session.execute(_BATCH, {"after": after_id, "most": most})))


def read_some(session: Session, issue_ids: Sequence[int], *, with_text: Collection[int] = ()) -> Found:
    """Return all that is to be known of some issues; of some of them the text in any case."""
    issues = [each for some in cut_numbers(issue_ids) for each in _split(session.execute(_SOME, {"issues": some}))]
    doubtful = [state.issue_id for state, kept in issues if state.issue_id in with_text or not is_certain(state, kept)]
    links: dict[int, int | None] = dict.fromkeys(issue_ids)
    for some in cut_numbers(issue_ids):
        links |= {row[0]: row[1] for row in session.execute(_LINKS_OF, {"issues": some})}
    gone = frozenset(issue_ids) - {state.issue_id for state, _ in issues}
    texts = {number: text for some in cut_numbers(doubtful) for number, text in read_texts(session, some).items()}
    return Found(issues, texts, links, gone)


def is_certain(state: IssueState, kept: KeptProfile | None) -> bool:
    """Whether a kept profile is surely of the issue's text as it is."""
    return kept is not None and kept.issue_updated_at == state.updated_at


def list_changed(session: Session, since: datetime, above: Highest) -> dict[int, datetime]:
    """Return which issues were changed since a moment or are new, and when each was last changed.

    An imported issue says that it was changed when it was at the source, so new ones are known by their numbers.
    """
    changed = session.execute(_CHANGED, {"since": since})
    new = session.execute(_NEW, {"above": above.issue_id})
    return {row[0]: row[1] for rows in (changed, new) for row in rows}


def list_written(session: Session, since: datetime, *, most: int) -> list[Written]:
    """Return which profiles were written since a moment, the latest first."""
    return [Written(*row) for row in session.execute(_WRITTEN, {"since": since, "most": most})]


def list_new_links(session: Session, above: Highest) -> dict[int, int]:
    """Return what was linked lately: of each duplicate what it is one of."""
    return {row[0]: row[1] for row in session.execute(_NEW_LINKS, {"above": above.relation_id})}


def list_all_links(session: Session) -> dict[int, int]:
    """Return of each duplicate what it is one of."""
    return {row[0]: row[1] for row in session.execute(_LINK)}


def iterate_stamps(session: Session) -> Iterator[tuple[int, datetime]]:
    """Yield all issues, and when each was last changed."""
    for row in session.execute(_STAMPS, execution_options={"yield_per": READ_AT_ONCE}):
        yield row[0], row[1]


def find_latest(session: Session) -> tuple[str, str] | None:
    """Return the profile with vectors that was written last, and whose vectors they are."""
    row = session.execute(_LATEST).first()
    return None if row is None else (row[0], row[1])


def forget_pages(session: Session) -> None:
    """Have the connection to SQLite keep no pages: each keeps up to 64 MB, and nobody reads all profiles twice."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(_FORGET)


def read_sight(session: Session, viewer: Actor) -> Sight:
    """Return what a viewer may see, as `issues.queries.visible_to` says it."""
    projects = None
    if not viewer.may(Permission.SEE_ALL_PROJECTS):
        projects = frozenset(session.scalars(select(Project.id).where(visible_to(viewer))))
    return Sight(projects, viewer.may(Permission.SEE_RESTRICTED), viewer.user_id)


def _split(rows: Iterable[Sequence[object]]) -> Iterator[tuple[IssueState, KeptProfile | None]]:
    n_state = len(STATE)
    for row in rows:
        kept = None if row[n_state] is None else KeptProfile(*row[n_state:])  # type: ignore[arg-type]
        yield IssueState(*row[:n_state]), kept  # type: ignore[arg-type]
