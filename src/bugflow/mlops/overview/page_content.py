"""What the pages of models show."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.mlops.promotion.decisions import Decision, find_decision
from bugflow.mlops.promotion.service import list_changes
from bugflow.mlops.promotion.standing import Standing, find_standing
from bugflow.mlops.promotion.tables import ModelChange, ModelTrial
from bugflow.mlops.promotion.trials import find_trial, list_trials
from bugflow.mlops.registry.store import get_manifest, list_versions
from bugflow.mlops.registry.versions import GLOBAL, Manifest, ModelType, ModelVersion, read_moment
from bugflow.mlops.tasks import Tasks
from bugflow.mlops.training.queries import find_latest_learned, find_open, list_trainings
from bugflow.mlops.training.tables import Training
from bugflow.mlops.training.triggers import Habits

MOST_VERSIONS, MOST_TRAININGS = 20, 20


@dataclass(frozen=True)
class TaskView:
    """How things are with one task.

    Attributes:
        standing: Which version is in use and which is tried.
        trial: Of the version that is tried.
        news: How often people have corrected or confirmed since it was learned last.
        wanted: After so many it learns again.
        n_labelled: About how many issues it could learn from now.
        least_labelled: With fewer it is not learned by itself.
        running: The training that is open.
        latest: The latest training whose model was judged.
        obstacle: Why it cannot be learned on this machine now, in a sentence.
    """

    task: ModelType
    standing: Standing
    trial: ModelTrial | None
    news: int
    wanted: int
    n_labelled: int
    least_labelled: int
    running: Training | None
    latest: Training | None
    obstacle: str | None


@dataclass(frozen=True)
class VersionView:
    """A version, how it came about, and what was decided about it."""

    version: ModelVersion
    manifest: Manifest
    decision: Decision | None
    trained_at: datetime | None


@dataclass(frozen=True)
class TaskPage:
    """One task with its past, the latest of each first."""

    view: TaskView
    versions: Sequence[VersionView]
    trainings: Sequence[Training]
    trials: Sequence[ModelTrial]
    changes: Sequence[ModelChange]


def read_tasks(session: Session, storage: Storage, tasks: Tasks, habits: Habits) -> list[TaskView]:
    """Return how things are with every task, for all projects."""
    return [read_task(session, storage, tasks, habits, name) for name in tasks]


def read_task(session: Session, storage: Storage, tasks: Tasks, habits: Habits, name: ModelType) -> TaskView:
    """Return how things are with one task, for all projects."""
    task, latest = tasks[name], find_latest_learned(session, name)
    since = latest.as_of if latest is not None else datetime.min.replace(tzinfo=UTC)
    return TaskView(
        task=name,
        standing=find_standing(session, storage, name),
        trial=find_trial(session, name),
        news=task.count_news(session, GLOBAL, since),
        wanted=habits.corrections,
        n_labelled=task.count_labelled(session, GLOBAL),
        least_labelled=task.least_labelled,
        running=find_open(session, name),
        latest=latest,
        obstacle=task.find_obstacle(),
    )


def read_task_page(session: Session, storage: Storage, tasks: Tasks, habits: Habits, name: ModelType) -> TaskPage:
    """Return one task with its past."""
    return TaskPage(
        view=read_task(session, storage, tasks, habits, name),
        versions=[view_version(storage, each) for each in list_versions(storage, name)[:MOST_VERSIONS]],
        trainings=list_trainings(session, task=name, limit=MOST_TRAININGS),
        trials=list_trials(session, name),
        changes=list_changes(session, name, limit=MOST_TRAININGS),
    )


def view_version(storage: Storage, version: ModelVersion) -> VersionView:
    """Return a version with its manifest and its decision.

    Raises:
        ModelNotFoundError: There is none.
        ModelDamagedError: Its manifest cannot be understood.
    """
    manifest = get_manifest(storage, version)
    return VersionView(version, manifest, find_decision(storage, version), read_moment(version.moment))
