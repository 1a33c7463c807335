"""Reading the predictions ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.registry.versions import DUPLICATES
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.queries import visible_to
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.queries import visible_to as project_visible_to
from bugflow.tracker.projects.tables import Project

Outcome = Literal["right", "wrong", "open"]
"""What became of a prediction; `open` until a person has said what is right."""
NOT = "not "
"""How the truth of duplicates begins where a person has only said which issue is no duplicate."""


@dataclass(frozen=True, kw_only=True)
class LedgerFilter:
    """Which rows are wanted; what is none does not matter."""

    issue_id: int | None = None
    field: str | None = None
    version: str | None = None
    outcome: Outcome | None = None
    shown: bool | None = None

    def to_conditions(self) -> list[ColumnElement[bool]]:
        """Return the filter in SQL."""
        conditions: list[ColumnElement[bool]] = []
        if self.issue_id is not None:
            conditions.append(Prediction.issue_id == self.issue_id)
        if self.field is not None:
            conditions.append(Prediction.field == self.field)
        if self.version is not None:
            conditions.append(Prediction.model_version == self.version)
        if self.outcome is not None:
            open_ = self.outcome == "open"
            conditions.append(Prediction.outcome.is_(None) if open_ else Prediction.outcome == self.outcome)
        if self.shown is not None:
            conditions.append(Prediction.shown.is_(self.shown))
        return conditions


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A row of the ledger with the keys of its project and its issue.

    Attributes:
        label: What was said; none where that is an issue that the viewer may not see, and so with the truth.
    """

    prediction: Prediction
    project: str
    issue: str | None
    label: str | None
    truth: str | None


def list_ledger(
    session: Session, viewer: Actor, wanted: LedgerFilter, *, before_id: int | None = None, limit: int = 50
) -> list[LedgerRow]:
    """Return what was said of issues that the viewer may see, and of drafts in their projects, newest first."""
    statement = (
        select(Prediction, Project.key, Issue.key)
        .join(Project, Project.id == Prediction.project_id)
        .outerjoin(Issue, Issue.id == Prediction.issue_id)
        .where(project_visible_to(viewer), or_(Prediction.issue_id.is_(None), visible_to(viewer)))
        .where(*wanted.to_conditions())
    )
    if before_id is not None:
        statement = statement.where(Prediction.id < before_id)
    rows = session.execute(statement.order_by(Prediction.id.desc()).limit(limit)).all()
    seen = _list_seen(session, viewer, [row[0] for row in rows])
    return [
        LedgerRow(row, project, issue, *(_hide_unseen(row, said, seen) for said in (row.label, row.truth)))
        for row, project, issue in rows
    ]


def _list_seen(session: Session, viewer: Actor, rows: Sequence[Prediction]) -> set[str]:
    """Return the keys of those issues that were suggested, or said to be right, that the viewer may see."""
    said = {said for row in rows if row.field == DUPLICATES for said in (row.label, row.truth) if said is not None}
    keys = {each.removeprefix(NOT) for each in said}
    return set(session.scalars(select(Issue.key).where(Issue.key.in_(keys), visible_to(viewer)))) if keys else set()


def _hide_unseen(row: Prediction, said: str | None, seen: set[str]) -> str | None:
    return said if said is None or row.field != DUPLICATES or said.removeprefix(NOT) in seen else None


def find_probability(session: Session, issue_id: int, field: str, label: str) -> float | None:
    """Return how probable a label was when it was last said of a field, by who was in use or seen."""
    rows = session.execute(
        select(Prediction.label, Prediction.probability)
        .where(Prediction.issue_id == issue_id, Prediction.field == field)
        .where(or_(Prediction.shown, Prediction.part == "champion"))
        .order_by(Prediction.id.desc())
    )
    wanted = label.casefold()
    return next((probability for said, probability in rows if said is not None and said.casefold() == wanted), None)
