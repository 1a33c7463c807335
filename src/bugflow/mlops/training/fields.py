"""Learning a field of reports: severity, team, component or priority."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.datasets.errors import LEAST_LABELLED
from bugflow.mlops.registry.versions import GLOBAL, ModelType, TriageType
from bugflow.mlops.training.voices import Voice
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.tables import Project

if TYPE_CHECKING:
    from bugflow.mlops.training.contract import Learned, Order, Prepared, Surroundings, Tell


@dataclass(frozen=True)
class FieldTask:
    """Learns what people put into a field of reports; what learning needs is loaded when it begins."""

    target: TriageType

    @property
    def name(self) -> ModelType:
        """What it finds."""
        return self.target

    @property
    def can_be_tried(self) -> bool:
        """Whether it can be tried before it is used."""
        return True

    @property
    def least_labelled(self) -> int:
        """With fewer issues that have the field it is not trained by itself."""
        return LEAST_LABELLED

    def find_obstacle(self) -> str | None:
        """Nothing: without an encoder a field is learned from words."""
        return None

    def prepare(self, order: "Order", around: "Surroundings", folder: Path, *, tell: "Tell") -> "Prepared":
        """Write the issues that teach into a folder; see `LearningTask.prepare`."""
        from bugflow.mlops.training.candidates import prepare_field  # noqa: PLC0415 -- A second and 100 MB.

        return prepare_field(order, around, folder, tell=tell)

    def learn(
        self, order: "Order", around: "Surroundings", data: Path, prepared: "Prepared", *, out: Path, tell: "Tell"
    ) -> "Learned":
        """Train a model and judge it on gold items; see `LearningTask.learn`."""
        from bugflow.mlops.training.candidates import learn_field  # noqa: PLC0415 -- A second and 100 MB.
        from bugflow.mlops.training.keeping import describe_candidate, save_candidate  # noqa: PLC0415 -- The same.

        found = learn_field(order, around, data, prepared, tell=tell)
        save_candidate(found, out)
        return describe_candidate(found)

    def count_labelled(self, session: Session, scope: str) -> int:
        """Return how many issues have the field, whoever set it."""
        return _count(session, select(func.count()).where(self._is_set()), scope)

    def count_news(self, session: Session, scope: str, since: datetime) -> int:
        """Return how many corrections of the field there are since a moment."""
        statement = select(func.count()).select_from(Correction).join(Issue, Issue.id == Correction.issue_id)
        return _count(session, statement.where(Correction.field == self.target, Correction.created_at > since), scope)

    def list_voices(self, session: Session, scope: str, since: datetime) -> Sequence[Voice]:
        """Return who has corrected how often since a moment."""
        statement = (
            select(User.name, func.count())
            .join(Correction, Correction.author_id == User.id)
            .join(Issue, Issue.id == Correction.issue_id)
            .where(Correction.field == self.target, Correction.created_at > since, *_in_scope(scope))
            .group_by(User.id, User.name)
            .order_by(func.count().desc(), User.id)
        )
        return [Voice(name, count) for name, count in session.execute(statement)]

    def _is_set(self) -> ColumnElement[bool]:
        columns = {
            "severity": Issue.severity_id,
            "team": Issue.team_id,
            "component": Issue.component_id,
            "priority": Issue.priority_rank,
        }
        return columns[self.target].is_not(None)


def _count(session: Session, statement: Select[int], scope: str) -> int:
    return session.scalar(statement.where(*_in_scope(scope))) or 0


def _in_scope(scope: str) -> Iterator[ColumnElement[bool]]:
    if scope != GLOBAL:
        yield Issue.project_id == select(Project.id).where(Project.uuid == UUID(scope)).scalar_subquery()
