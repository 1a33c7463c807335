"""Profiles of issues kept in the database: of one issue when its text changes, of all that have none yet."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import structlog
from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.packing import KEPT_START, write_kept
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.assist.duplicates.vector_tables import IssueVectors, forget_vectors, has_tables, write_vectors
from bugflow.assist.intake.predicting import join_description
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import BugFlowError
from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.profiles import Profile, profile_reports
from bugflow.tracker.issues.tables import Issue

log = structlog.get_logger()

TEXT_FIELDS = frozenset({"title", "description", "stack_trace"})
"""What of an issue is profiled."""
SCANNED_AT_ONCE, PROFILED_AT_ONCE = 2_000, 100
DIGEST_BYTES = 16

# Built once: building a statement costs more than running it.
_TEXTS = select(Issue.id, Issue.updated_at, Issue.title, Issue.description, Issue.stack_trace).where(
    Issue.id.in_(bindparam("issues", expanding=True))
)
_SCAN = (
    select(
        Issue.id,
        Issue.updated_at,
        IssueProfile.encoder,
        IssueProfile.issue_updated_at,
        func.substr(IssueProfile.profile, 1, len(KEPT_START)).label("start"),
    )
    .outerjoin(IssueProfile, and_(IssueProfile.issue_id == Issue.id, IssueProfile.issue_id > bindparam("after")))
    .where(Issue.id > bindparam("after"))
    .order_by(Issue.id)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class IssueText:
    """The text of an issue at a moment."""

    issue_id: int
    updated_at: datetime
    title: str
    description: str
    stack_trace: str

    @property
    def report(self) -> Report:
        """The text as it is profiled."""
        return Report(self.title, join_description(self.description, self.stack_trace))

    @property
    def digest(self) -> str:
        """32 hexadecimal digits by which the text is known."""
        content = f"{self.title}\0{self.description}\0{self.stack_trace}"
        return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).hexdigest()


class _Scanned(NamedTuple):
    """An issue, and what is known of its profile; none where it has none."""

    issue_id: int
    updated_at: datetime
    encoder: str | None
    profiled_at: datetime | None
    start: str | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far the backlog is.

    Attributes:
        seen: Issues looked at.
        total: Issues in all, when it began.
        written: Profiles written.
    """

    seen: int
    total: int
    written: int


def read_texts(session: Session, issue_ids: Sequence[int]) -> dict[int, IssueText]:
    """Return texts by the issues' numbers, without regard to who may see them."""
    if not issue_ids:
        return {}
    return {row.id: IssueText(*row) for row in session.execute(_TEXTS, {"issues": list(issue_ids)})}


def profile_issue(database: Database, issue_id: int, encoder: Encoder | None) -> bool:
    """Keep an issue's profile; return whether there was anything to write.

    Where the encoder fails, the profile has words only, and the backlog adds the vectors later.
    """
    with database.snapshot() as session:
        text = read_texts(session, [issue_id]).get(issue_id)
        kept = session.get(IssueProfile, issue_id)
    if text is None:  # It may have been deleted since.
        return False
    if _is_current(kept, text, encoder):
        return False
    try:
        profiles = profile_reports([text.report], encoder)
    except BugFlowError as error:
        log.warning("issue_profiled_without_vectors", issue=issue_id, error=str(error))
        profiles = profile_reports([text.report], None)
    with database.transaction() as session:
        return _store(session, [text], profiles, encoder) > 0


def profile_backlog(
    database: Database,
    encoder: Encoder | None,
    *,
    anew: bool = False,
    tell: Callable[[Backlog], None] = lambda _: None,
) -> Backlog:
    """Keep the profiles of all issues that have none, or one of another text or encoder.

    A hundred are written at a time, so that being killed loses no more; running it again goes on from there.

    Args:
        database: Where issues and profiles are.
        encoder: Without one, profiles that have vectors stay as they are.
        anew: Also those that are up to date.
        tell: Is called after each step with how far it is.

    Raises:
        BugFlowError: The encoder failed.
    """
    with database.snapshot() as session:
        total = session.scalar(select(func.count()).select_from(Issue)) or 0
    seen = written = after = 0
    while True:
        with database.snapshot() as session:
            found = session.execute(_SCAN, {"after": after, "most": SCANNED_AT_ONCE})
            rows = [_Scanned(*row) for row in found]
        if not rows:
            return Backlog(seen, total, written)
        wanting = [row.issue_id for row in rows if anew or _is_wanting(row, encoder)]
        for start in range(0, len(wanting), PROFILED_AT_ONCE):
            written += _profile_some(database, wanting[start : start + PROFILED_AT_ONCE], encoder, anew=anew)
            tell(Backlog(seen + min(start + PROFILED_AT_ONCE, len(rows)), total, written))
        seen, after = seen + len(rows), rows[-1].issue_id
        tell(Backlog(seen, total, written))


def _is_wanting(row: _Scanned, encoder: Encoder | None) -> bool:
    """Whether an issue has no profile, or perhaps one of another text."""
    if row.profiled_at != row.updated_at or row.start != KEPT_START:
        return True
    return encoder is not None and row.encoder != encoder.name


def _is_current(kept: IssueProfile | None, text: IssueText, encoder: Encoder | None) -> bool:
    """Whether a profile is of this text and version, and has the encoder's vectors; without one, vectors or none."""
    if kept is None or kept.digest != text.digest or not kept.profile.startswith(KEPT_START):
        return False
    return encoder is None or kept.encoder == encoder.name


def _profile_some(database: Database, issue_ids: Sequence[int], encoder: Encoder | None, *, anew: bool) -> int:
    with database.snapshot() as session:
        texts = read_texts(session, issue_ids)
        kept = {
            row.issue_id: row
            for row in session.scalars(select(IssueProfile).where(IssueProfile.issue_id.in_(issue_ids)))
        }
    same = [text for text in texts.values() if not anew and _is_current(kept.get(text.issue_id), text, encoder)]
    changed = [text for text in texts.values() if text not in same]
    profiles = profile_reports([each.report for each in changed], encoder) if changed else []
    with database.transaction() as session:
        for text in same:
            still = update(IssueProfile).where(
                IssueProfile.issue_id == text.issue_id, IssueProfile.digest == text.digest
            )
            session.execute(still.values(issue_updated_at=text.updated_at))
        return _store(session, changed, profiles, encoder)


def _store(session: Session, texts: Sequence[IssueText], profiles: Sequence[Profile], encoder: Encoder | None) -> int:
    """Write the profiles of texts that are still the issues' own; return how many."""
    rows = list(_build_rows(session, texts, profiles, encoder))
    if not rows:
        return 0
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(IssueProfile)
    new = {name: statement.excluded[name] for name in rows[0] if name != "issue_id"}
    session.execute(statement.on_conflict_do_update(index_elements=["issue_id"], set_=new), rows)
    if has_tables(session):
        _store_vectors(session, rows, texts, profiles)
    return len(rows)


def _store_vectors(
    session: Session, rows: Sequence[Mapping[str, Any]], texts: Sequence[IssueText], profiles: Sequence[Profile]
) -> None:
    """Write the vectors of profiles that were just written, and delete those of profiles that have words only."""
    made = {text.issue_id: profile for text, profile in zip(texts, profiles, strict=True)}
    vectors: defaultdict[str, list[IssueVectors]] = defaultdict(list)
    for row in rows:
        profile = made[row["issue_id"]]
        if row["encoder"] and profile.text is not None and profile.title is not None:
            found = IssueVectors(row["issue_id"], row["digest"], profile.text, profile.title)
            vectors[row["encoder"]].append(found)
    write_vectors(session, vectors)
    forget_vectors(session, [row["issue_id"] for row in rows if not row["encoder"]])


def _build_rows(
    session: Session, texts: Sequence[IssueText], profiles: Sequence[Profile], encoder: Encoder | None
) -> Iterator[dict[str, Any]]:
    now = utc_now()
    present = read_texts(session, [each.issue_id for each in texts])
    for text, profile in zip(texts, profiles, strict=True):
        current = present.get(text.issue_id)
        if current is None or current.digest != text.digest:  # Whoever changed it has had it profiled, too.
            continue
        yield {
            "issue_id": text.issue_id,
            "encoder": encoder.name if encoder is not None and profile.text is not None else "",
            "digest": text.digest,
            "issue_updated_at": current.updated_at,
            "written_at": now,
            "profile": write_kept(profile),
        }
