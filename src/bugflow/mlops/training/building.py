"""From settings to what trainings need."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog

from bugflow.core.errors import NotFoundError, UnavailableError
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.ml.triage.starter import find_starter
from bugflow.mlops.promotion.policy import Policy
from bugflow.mlops.tasks import list_tasks
from bugflow.mlops.training.triggers import Habits

if TYPE_CHECKING:
    from bugflow.mlops.training.contract import LearningTask
    from bugflow.mlops.training.running import TrainingMeans

log = structlog.get_logger()

THREADS = 2


def build_means(settings: Settings, storage: Storage, others: "Iterable[LearningTask]" = ()) -> "TrainingMeans":
    """Return what trainings need beside the database; nothing is loaded before one begins."""
    from bugflow.mlops.training.running import TrainingMeans  # noqa: PLC0415 -- A second and 100 MB.

    return TrainingMeans(
        tasks=list_tasks(others),
        storage=storage,
        policy=Policy.of(settings),
        find_encoder=lambda: _find_encoder(settings),
        find_starter=find_starter if settings.starter_models else lambda _: None,
        models_folder=settings.models_folder,
    )


def list_resources(
    settings: Settings, open_storage: Callable[[], Storage], others: "Iterable[LearningTask]" = ()
) -> dict[str, Callable[[], Any]]:
    """Return what the jobs of trainings and trials ask for, by the names of their parameters."""
    tasks = tuple(others)
    return {
        "training_means": cache(lambda: build_means(settings, open_storage(), tasks)),
        "learning_tasks": lambda: list_tasks(tasks),
        "training_habits": lambda: Habits.of(settings),
        "promotion_policy": lambda: Policy.of(settings),
    }


def _find_encoder(settings: Settings) -> Encoder | None:
    from bugflow.ml.encoder.keeping import open_kept_encoder  # noqa: PLC0415 -- The same.

    try:
        return open_kept_encoder(settings.models_folder, settings.encoder, threads=THREADS)
    except (NotFoundError, UnavailableError) as error:
        log.info("training_without_encoder", reason=str(error))
        return None
