"""From a past as a table to what a ranker learns with: its history, and the profile of every report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from sqlalchemy import select

from bugflow.assist.duplicates.packing import ProfileDamagedError, read_kept
from bugflow.assist.duplicates.profiling import IssueText
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.core.database import Database
from bugflow.ml.contract import Encoder, Report
from bugflow.ml.duplicates.history import History, Link, build_history
from bugflow.ml.duplicates.index import FIELDS, NEVER, Filed
from bugflow.ml.duplicates.profiles import Profile, profile_reports
from bugflow.tracker.issues.tables import Issue

PROFILED_AT_ONCE = 500

_KEPT = select(Issue.key, IssueProfile.digest, IssueProfile.profile).join(Issue, Issue.id == IssueProfile.issue_id)

Tell = Callable[[int, int], None]
"""Called with how many reports are done, and how many there are."""


def tell_history(past: pl.DataFrame) -> History:
    """Return the history that a past tells; the same past gives the same."""
    rows = list(past.iter_rows(named=True))
    places = {row["issue_id"]: place for place, row in enumerate(rows)}
    return build_history(
        list(places),
        [_read_text(row).report for row in rows],
        [_read_filed(row) for row in rows],
        _read_links(rows, places),
        doubtful={place for place, row in enumerate(rows) if row["doubtful"]},
        settled={place for place, row in enumerate(rows) if row["settled"]},
    )


def profile_past(
    database: Database,
    encoder: Encoder | None,
    past: pl.DataFrame,
    history: History,
    *,
    tell: Tell = lambda _done, _total: None,
) -> list[Profile]:
    """Return the profiles of a history's reports: those that the database keeps, where their text is the same.

    Without an encoder they have words alone, and none is kept.

    Raises:
        BugFlowError: The encoder failed.
    """
    profiles: list[Profile] = []
    for start in range(0, len(history), PROFILED_AT_ONCE):
        some = past.slice(start, PROFILED_AT_ONCE)
        reports = history.reports[start : start + PROFILED_AT_ONCE]
        if encoder is None:
            profiles += profile_reports(reports, None)
        else:
            texts = {row["issue_id"]: _read_text(row) for row in some.iter_rows(named=True)}
            profiles += _profile(database, encoder, texts, reports)
        tell(len(profiles), len(history))
    return profiles


def _read_text(row: Mapping[str, Any]) -> IssueText:
    return IssueText(0, row["created_at"], row["title"], row["description"], row["stack_trace"])


def _read_filed(row: Mapping[str, Any]) -> Filed:
    fields = {name: row[name] for name in FIELDS if row[name]}
    if "component" in fields:  # Two projects may give the same name to different things.
        fields["component"] = f"{row['project']}/{row['component']}"
    closed = row["closed_at"]
    return Filed(row["created_at"].timestamp(), NEVER if closed is None else closed.timestamp(), fields)


def _read_links(rows: Sequence[Mapping[str, Any]], places: Mapping[str, int]) -> Iterator[Link]:
    for newer, row in enumerate(rows):
        older = places.get(row["duplicate_of"])
        if older is not None:
            yield Link(older, newer, row["known_at"].timestamp())


def _profile(
    database: Database, encoder: Encoder, texts: Mapping[str, IssueText], reports: Sequence[Report]
) -> list[Profile]:
    """Return the profiles of reports; kept ones where the names that were taken out are not in the text."""
    with database.snapshot() as session:
        statement = _KEPT.where(Issue.key.in_(texts), IssueProfile.encoder == encoder.name)
        kept = {key: (digest, packed) for key, digest, packed in session.execute(statement)}
    found: dict[int, Profile] = {}
    for place, ((key, text), report) in enumerate(zip(texts.items(), reports, strict=True)):
        digest, packed = kept.get(key, ("", ""))
        if digest == text.digest and report == text.report:
            try:
                found[place] = read_kept(packed)
            except ProfileDamagedError:
                continue
    missing = [place for place in range(len(reports)) if place not in found]
    made = profile_reports([reports[place] for place in missing], encoder) if missing else []
    found |= dict(zip(missing, made, strict=True))
    return [found[place] for place in range(len(reports))]
