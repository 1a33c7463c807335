"""Looks for older issues where the database has the vectors: asks it, then the index, then it once more.

First the database names the nearest issues. With these, and without a connection, the index names a few hundred that
are worth being compared. Then the database computes how near those are, and candidates are chosen among them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.hosting import DuplicateHost
from bugflow.assist.duplicates.known import KnownIssues
from bugflow.assist.duplicates.vector_search import DatabaseVectors, Measured
from bugflow.core.database import Database, read_reason
from bugflow.ml.duplicates.candidates import Candidates, Query
from bugflow.ml.duplicates.index import ReportIndex
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.shortlisting import Shortlist, choose_from, find_shortlist
from bugflow.tracker.accounts.actor import Actor

log = structlog.get_logger()

DATABASE_FAILED = "The database could not say what means the same, so this report is compared by its words alone."

BuildQuery = Callable[[KnownIssues], Query]
Answer = TypeVar("Answer")
NOBODY = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Drawn:
    """The issues that are worth being compared with a report, as an index of a moment named them."""

    index: ReportIndex
    query: Query
    shortlist: Shortlist

    @classmethod
    def draw(cls, known: KnownIssues, build_query: BuildQuery, nearest: NDArray[np.int64]) -> "Drawn":
        """Ask the index, which knows the nearest by their numbers."""
        query = build_query(known)
        rows = [row for row in map(known.index.find_row, nearest.tolist()) if row is not None]
        shortlist = find_shortlist(known.index, query, np.array(rows, dtype=np.int64))
        return cls(known.index, query, shortlist)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was found out about a report before its candidates are chosen.

    Attributes:
        drawn: None while no issues are loaded.
        measured: How near the nearest and the drawn ones are; none where the report is compared by its words.
        note: Why it is, where it has vectors.
    """

    drawn: Drawn | None = None
    measured: Measured | None = None
    note: str | None = None

    def choose(self, known: KnownIssues, build_query: BuildQuery) -> tuple[Query, Candidates]:
        """Return the candidates, and the question with what the database said."""
        drawn, measured = self.drawn, self.measured
        if drawn is None or drawn.index is not known.index:  # It was loaded anew in between.
            drawn = Drawn.draw(known, build_query, NOBODY if measured is None else measured.identities)
        query, shortlist = drawn.query, drawn.shortlist
        if measured is None:
            query = replace(query, profile=Profile(query.profile.words))
        else:
            query = replace(query, given=measured.place(shortlist.rows, shortlist.identities))
        return query, choose_from(shortlist, query)


def ask_database(
    host: DuplicateHost,
    database: Database,
    vectors: DatabaseVectors,
    profile: Profile,
    build_query: BuildQuery,
    *,
    viewer: Actor,
    before: datetime | None,
) -> Asked:
    """Return what database and index say about a report; where the database fails, the index says it by words.

    Args:
        host: Whose issues; its turn is waited for without a connection.
        database: Where the vectors are.
        vectors: Those of the report's encoder.
        profile: Of the report.
        build_query: Makes a question for the issues of the host.
        viewer: Who asks.
        before: Only older issues are asked for; none allows all.
    """
    nearest = None
    has_vectors = profile.text is not None and len(profile.text) == vectors.n_dims
    if has_vectors and host.asking.allows():
        nearest = _try(
            host, database, lambda session: vectors.find_nearest(session, profile, viewer=viewer, before=before)
        )
    numbers = NOBODY if nearest is None else nearest.identities
    drawn = host.search(lambda known: Drawn.draw(known, build_query, numbers))
    if nearest is None:
        return Asked(drawn, note=DATABASE_FAILED if has_vectors else None)
    if drawn is None:
        host.asking.note_success()
        return Asked(measured=nearest)
    others = np.setdiff1d(drawn.shortlist.identities, numbers)
    measured = _try(host, database, lambda session: vectors.measure(session, profile, others))
    if measured is None:
        return Asked(drawn, note=DATABASE_FAILED)
    host.asking.note_success()
    return Asked(drawn, nearest.join(measured))


def _try(host: DuplicateHost, database: Database, ask: Callable[[Session], Answer]) -> Answer | None:
    try:
        with database.snapshot() as session:
            return ask(session)
    except SQLAlchemyError as error:  # It is down, too slow, or somebody dropped the vectors.
        host.asking.note_failure()
        log.warning("duplicates_not_asked", error=read_reason(error), kind=type(error).__name__)
        return None
