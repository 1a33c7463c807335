"""Looks for older issues where the database has the vectors: asks the index, and the database, then both together.

While a report's vectors are made, and the database names the nearest issues, the index names a few hundred that are
worth being compared by their words. Then the database computes how near those are, and candidates are chosen among all.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime

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


@dataclass(frozen=True, slots=True)
class Drawn:
    """The issues that are worth being compared with a report, as an index of a moment named them."""

    index: ReportIndex
    query: Query
    shortlist: Shortlist

    @classmethod
    def draw(cls, known: KnownIssues, build_query: BuildQuery) -> "Drawn":
        """Ask the index."""
        query = build_query(known)
        return cls(known.index, query, find_shortlist(known.index, query))

    def add(self, issues: NDArray[np.int64]) -> Shortlist:
        """Return the list with issues added, as far as the index knows them and allows them."""
        rows = [row for row in map(self.index.find_row, issues.tolist()) if row is not None]
        return self.shortlist.add(self.index, self.query, np.array(rows, dtype=np.int64))


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

    def choose(self, known: KnownIssues, profile: Profile, build_query: BuildQuery) -> tuple[Query, Candidates]:
        """Return the candidates of a report with this profile, and the question with what the database said."""
        drawn, measured = self.drawn, self.measured
        if drawn is None or drawn.index is not known.index:  # It was loaded anew in between.
            drawn = Drawn.draw(known, build_query)
        if measured is None:
            query = replace(drawn.query, profile=Profile(profile.words))
            return query, choose_from(drawn.shortlist, query)
        shortlist = drawn.add(measured.identities)
        given = measured.place(shortlist.rows, shortlist.identities)
        query = replace(drawn.query, profile=profile, given=given)
        return query, choose_from(shortlist, query)


def ask_database(
    host: DuplicateHost,
    database: Database,
    vectors: DatabaseVectors,
    profile: Profile,
    drawing: Future[Drawn | None],
    *,
    viewer: Actor,
    before: datetime | None,
) -> Asked:
    """Return what the database says about a report; where it fails, the index says it by words.

    Args:
        host: Whose issues.
        database: Where the vectors are.
        vectors: Those of the report's encoder.
        profile: Of the report.
        drawing: Gives what is to be compared beside the nearest; it is not waited for with a connection in hand.
        viewer: Who asks.
        before: Only older issues are asked for; none allows all.
    """
    has_vectors = profile.text is not None and len(profile.text) == vectors.n_dims
    if not has_vectors or not host.asking.allows():
        return Asked(drawing.result(), note=DATABASE_FAILED if has_vectors else None)
    try:
        with database.snapshot() as session:
            nearest = vectors.find_nearest(session, profile, viewer=viewer, before=before)
            measured = _measure(session, vectors, profile, nearest, drawing.result()) if drawing.done() else None
        if measured is None:
            drawn = drawing.result()
            with database.snapshot() as session:
                measured = _measure(session, vectors, profile, nearest, drawn)
    except SQLAlchemyError as error:  # It is down, too slow, or somebody dropped the vectors.
        host.asking.note_failure()
        log.warning("duplicates_not_asked", error=read_reason(error), kind=type(error).__name__)
        return Asked(drawing.result(), note=DATABASE_FAILED)
    host.asking.note_success()
    return Asked(drawing.result(), measured)


def _measure(
    session: Session, vectors: DatabaseVectors, profile: Profile, nearest: Measured, drawn: Drawn | None
) -> Measured:
    """Return how near the nearest and the drawn ones are."""
    if drawn is None:
        return nearest
    others = np.setdiff1d(drawn.shortlist.identities, nearest.identities)
    return nearest.join(vectors.measure(session, profile, others))
