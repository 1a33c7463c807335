"""Trainings in a test: what they need, and tasks that go wrong."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.mlops.corrections.service import record_correction
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.registry.versions import ModelType
from bugflow.mlops.tasks import list_tasks
from bugflow.mlops.training.contract import Learned, LearningTask, Order, Prepared, Surroundings, Tell
from bugflow.mlops.training.fields import FieldTask
from bugflow.mlops.training.running import TrainingMeans
from bugflow.mlops.training.voices import Voice
from bugflow.tracker.issues.tables import Issue
from factories.workplace import Workplace

QUICK = {"backend": "linear", "least": 10}
"""Options of a training that takes a second."""


class Killed(BaseException):
    """The process ends here."""


class FragileTask:
    """Learns severity, or something else; at some moments the process is killed, each once.

    Attributes:
        calls: What was asked of it.
    """

    def __init__(self, *dies: str, task: LearningTask | None = None) -> None:
        self._task = task or FieldTask("severity")
        self._dies = set(dies)
        self.calls: list[str] = []

    @property
    def name(self) -> ModelType:
        return self._task.name

    @property
    def can_be_tried(self) -> bool:
        return self._task.can_be_tried

    @property
    def least_labelled(self) -> int:
        return self._task.least_labelled

    def find_obstacle(self) -> str | None:
        return self._task.find_obstacle()

    def prepare(self, order: Order, around: Surroundings, folder: Path, *, tell: Tell) -> Prepared:
        self._pass("before preparing")
        prepared = self._task.prepare(order, around, folder, tell=tell)
        self._pass("prepared")
        return prepared

    def learn(
        self, order: Order, around: Surroundings, data: Path, prepared: Prepared, *, out: Path, tell: Tell
    ) -> Learned:
        self._pass("before learning")
        learned = self._task.learn(order, around, data, prepared, out=out, tell=tell)
        self._pass("learned")
        return learned

    def count_labelled(self, session: Session, scope: str) -> int:
        return self._task.count_labelled(session, scope)

    def count_news(self, session: Session, scope: str, since: datetime) -> int:
        return self._task.count_news(session, scope, since)

    def list_voices(self, session: Session, scope: str, since: datetime) -> Sequence[Voice]:
        return self._task.list_voices(session, scope, since)

    def _pass(self, moment: str) -> None:
        self.calls.append(moment)
        if moment in self._dies:
            self._dies.discard(moment)
            raise Killed


def build_means(
    storage: Storage,
    folder: Path,
    *,
    policy: Policy | None = None,
    others: Sequence[LearningTask] = (),
    encoder: Encoder | None = None,
) -> TrainingMeans:
    """Return means without starter models, and without an encoder unless one is given."""
    return TrainingMeans(
        tasks=list_tasks(others),
        storage=storage,
        policy=policy or Policy(),
        find_encoder=lambda: encoder,
        find_starter=lambda _: None,
        models_folder=folder,
    )


def correct(session: Session, workplace: Workplace, count: int, at: datetime) -> None:
    """Correct the severity of one issue so many times."""
    issue = session.scalars(select(Issue).limit(1)).one()
    for _ in range(count):
        record_correction(
            session, issue_id=issue.id, field="severity", old="low", new="high", actor=workplace.manager, now=at
        )
