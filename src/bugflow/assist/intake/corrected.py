"""What people said of a project's issues, in memory with the issues' vectors, brought up to date at each question."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bugflow.assist.duplicates.packing import ProfileDamagedError, read_kept
from bugflow.assist.duplicates.tables import IssueProfile
from bugflow.core.database import Database
from bugflow.ml.contract import Vectors
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.registry.versions import TRIAGE_TYPES
from bugflow.tracker.issues.tables import Issue

MOST_ISSUES = 1_000
"""Of a project, those that were corrected last; what is older a model has learned from."""
MOST_PROJECTS = 50
LATE = 10
"""So many of the latest corrections are read again: one with a lower number may be committed after a higher one."""
MOST_PROFILES = 500
"""Are read at once."""

# Built once: building a statement costs more than running it.
_NEWER = (
    select(Correction.id, Correction.issue_id, Correction.field, Correction.created_at)
    .join(Issue, Issue.id == Correction.issue_id)
    .where(Issue.project_id == bindparam("project"), Correction.field.in_(TRIAGE_TYPES))
    .where(Correction.id > bindparam("above"))
    .order_by(Correction.id.desc())
    .limit(MOST_ISSUES * len(TRIAGE_TYPES))
)


@dataclass(frozen=True, slots=True)
class Said:
    """The last that a person said of a field of an issue.

    Attributes:
        at: When, in seconds since 1970.
    """

    correction_id: int
    at: float


@dataclass(frozen=True)
class Corrected:
    """The corrected issues of a project that have vectors.

    Attributes:
        issue_ids: Shape (issues,).
        texts: Vectors of titles with sentences, shape (issues, dimensions).
        said: By field, what was said by the issue's number.
    """

    issue_ids: NDArray[np.int64]
    texts: Vectors
    said: dict[str, dict[int, Said]]


@dataclass(slots=True)
class _Project:
    """What is known of a project.

    Attributes:
        latest: The highest number of a correction that was read.
        vectors: By the issue's number.
        missing: Issues that have no vectors yet.
    """

    latest: int = 0
    said: dict[str, dict[int, Said]] = field(default_factory=dict)
    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    missing: set[int] = field(default_factory=set)
    corrected: Corrected | None = None


class CorrectedReports:
    """The corrected issues of a process; asked by many threads, of which one at a time reads what is new."""

    def __init__(self, database: Database) -> None:
        """Take the database whose issues these are."""
        self._database = database
        self._lock = threading.Lock()
        self._projects: OrderedDict[tuple[int, str], _Project] = OrderedDict()

    def read(self, project_id: int, encoder_name: str) -> Corrected | None:
        """Return a project's corrected issues as they are now, none where there are none with vectors.

        Call it without a database connection in hand.
        """
        with self._lock:
            project = self._projects.setdefault((project_id, encoder_name), _Project())
            self._projects.move_to_end((project_id, encoder_name))
            if len(self._projects) > MOST_PROJECTS:
                self._projects.popitem(last=False)
            with self._database.snapshot() as session:
                changed = _read_new(session, project, project_id)
                changed = _read_vectors(session, project, encoder_name) or changed
            if changed:
                project.corrected = _gather(project)
            return project.corrected


def _read_new(session: Session, project: _Project, project_id: int) -> bool:
    """Take over what was said since; return whether anything was."""
    changed = False
    news = session.execute(_NEWER, {"project": project_id, "above": project.latest - LATE})
    for number, issue_id, name, at in news:
        of_field = project.said.setdefault(name, {})
        known = of_field.get(issue_id)
        if known is not None and known.correction_id >= number:
            continue
        of_field[issue_id] = Said(number, at.timestamp())
        if issue_id not in project.vectors:
            project.missing.add(issue_id)
        project.latest = max(project.latest, number)
        changed = True
    return changed


def _read_vectors(session: Session, project: _Project, encoder_name: str) -> bool:
    """Take over the vectors that are there by now; return whether any were missing before."""
    if not project.missing:
        return False
    wanted = sorted(project.missing, reverse=True)[:MOST_PROFILES]
    statement = select(IssueProfile.issue_id, IssueProfile.profile).where(
        IssueProfile.issue_id.in_(wanted), IssueProfile.encoder == encoder_name
    )
    changed = False
    for issue_id, kept in session.execute(statement):
        try:
            profile = read_kept(kept)
        except ProfileDamagedError:
            continue
        if profile.text is not None:
            project.vectors[issue_id] = profile.text
            project.missing.discard(issue_id)
            changed = True
    return changed


def _gather(project: _Project) -> Corrected | None:
    """Return the issues that were corrected last, and forget the others."""
    latest: dict[int, int] = {}
    for of_field in project.said.values():
        for issue_id, said in of_field.items():
            latest[issue_id] = max(latest.get(issue_id, 0), said.correction_id)
    kept = sorted(latest, key=lambda issue_id: -latest[issue_id])[:MOST_ISSUES]
    project.said = {
        name: {each: of_field[each] for each in kept if each in of_field} for name, of_field in project.said.items()
    }
    project.vectors = {each: project.vectors[each] for each in kept if each in project.vectors}
    project.missing &= set(kept)
    if not project.vectors:
        return None
    copied = {name: dict(of_field) for name, of_field in project.said.items()}
    return Corrected(np.fromiter(project.vectors, dtype=np.int64), np.stack(list(project.vectors.values())), copied)
