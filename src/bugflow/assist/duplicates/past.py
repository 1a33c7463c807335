"""An installation's own past as a ranker learns from it: its issues, what people merged, and what they rejected."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.known import IssueState
from bugflow.assist.duplicates.packing import ProfileDamagedError, read_kept
from bugflow.assist.duplicates.profiling import IssueText, read_texts
from bugflow.assist.duplicates.reading import STATE
from bugflow.assist.duplicates.tables import DuplicateVerdict, IssueProfile
from bugflow.core.database import Database
from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.history import History, Link, build_history
from bugflow.ml.duplicates.index import Filed
from bugflow.ml.duplicates.profiles import Profile, profile_reports
from bugflow.tracker.issues.duplicates import DUPLICATE_OF
from bugflow.tracker.issues.tables import Issue, IssueRelation

READ_AT_ONCE = 500

_ISSUES = select(Issue.key, Issue.resolution, *STATE).order_by(Issue.created_at, Issue.id)
_LINKS = select(IssueRelation.source_id, IssueRelation.target_id, IssueRelation.created_at).where(
    IssueRelation.kind == DUPLICATE_OF
)
_REJECTIONS = (
    select(DuplicateVerdict.source_id, DuplicateVerdict.target_id, DuplicateVerdict.verdict)
    .where(DuplicateVerdict.verdict.in_(("rejected", "withdrawn")))
    .order_by(DuplicateVerdict.id)
)
_KEPT = select(IssueProfile.issue_id, IssueProfile.digest, IssueProfile.profile)

Tell = Callable[[int, int], None]


class _Row(NamedTuple):
    key: str
    resolution: str | None
    state: IssueState


def read_past(
    database: Database, encoder: Encoder, *, tell: Tell = lambda _done, _total: None
) -> tuple[History, list[Profile]]:
    """Return the past of all issues, and their profiles: those that are kept, where their text is the same.

    A merge that was taken back is none; who rejected a suggestion has said that the report is a bug of its own. Merges
    count as known from when they were made, imported ones from when the duplicate was closed.

    Args:
        database: Whose issues.
        encoder: Makes the vectors that are not kept.
        tell: Is called with how many profiles there are, and how many issues.

    Raises:
        BugFlowError: The encoder failed.
    """
    with database.snapshot() as session:
        rows = [_Row(key, said, IssueState(*state)) for key, said, *state in session.execute(_ISSUES)]
        texts = dict(_read_all_texts(session, [row.state.issue_id for row in rows]))
        places = {row.state.issue_id: place for place, row in enumerate(rows)}
        filed = [row.state.filed for row in rows]
        history = build_history(
            [row.key for row in rows],
            [texts[row.state.issue_id].report for row in rows],
            filed,
            _read_links(session, places, filed),
            doubtful={place for place, row in enumerate(rows) if row.resolution == "duplicate"},
            settled=_list_settled(session, rows, places),
        )
    numbers = [row.state.issue_id for row in rows]
    profiles: list[Profile] = []
    for start in range(0, len(numbers), READ_AT_ONCE):
        some = slice(start, start + READ_AT_ONCE)
        profiles += _profile(database, encoder, [texts[each] for each in numbers[some]], history.reports[some])
        tell(len(profiles), len(numbers))
    return history, profiles


def _read_all_texts(session: Session, numbers: Sequence[int]) -> Iterator[tuple[int, IssueText]]:
    for start in range(0, len(numbers), READ_AT_ONCE):
        yield from read_texts(session, numbers[start : start + READ_AT_ONCE]).items()


def _read_links(session: Session, places: Mapping[int, int], filed: Sequence[Filed]) -> Iterator[Link]:
    for source, target, made_at in session.execute(_LINKS):
        newer, older = places[source], places[target]
        known = min(made_at.timestamp(), filed[newer].closed)
        yield Link(older, newer, max(known, filed[newer].created))


def _list_settled(session: Session, rows: Sequence[_Row], places: Mapping[int, int]) -> set[int]:
    rejected: dict[tuple[int, int], bool] = {}
    for source, target, verdict in session.execute(_REJECTIONS):
        rejected[source, target] = verdict == "rejected"
    settled = {places[source] for (source, _), holds in rejected.items() if holds}
    return settled | {place for place, row in enumerate(rows) if row.resolution == "fixed"}


def _profile(
    database: Database, encoder: Encoder, texts: Sequence[IssueText], reports: Sequence[Report]
) -> list[Profile]:
    """Return the profiles of reports; kept ones where the names that were taken out are not in the text."""
    numbers = [each.issue_id for each in texts]
    with database.snapshot() as session:
        statement = _KEPT.where(IssueProfile.issue_id.in_(numbers), IssueProfile.encoder == encoder.name)
        kept = {number: (digest, packed) for number, digest, packed in session.execute(statement)}
    found: dict[int, Profile] = {}
    for place, (text, report) in enumerate(zip(texts, reports, strict=True)):
        digest, packed = kept.get(text.issue_id, ("", ""))
        if digest == text.digest and report == text.report:
            try:
                found[place] = read_kept(packed)
            except ProfileDamagedError:
                continue
    missing = [place for place in range(len(reports)) if place not in found]
    made = profile_reports([reports[place] for place in missing], encoder) if missing else []
    found |= dict(zip(missing, made, strict=True))
    return [found[place] for place in range(len(reports))]
