"""From settings to the issues of a process in memory."""

from functools import partial

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.jobs import ask_for_profiles
from bugflow.assist.duplicates.rankers import STARTER, Rankers, find_ranker, find_tried_ranker
from bugflow.core.database import Database
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage
from bugflow.ml.duplicates.starter import WORDS
from bugflow.mlops.serving.host import ModelHost


def build_duplicates(settings: Settings, database: Database, storage: Storage, models: ModelHost) -> DuplicateHost:
    """Return the issues of a process; nothing is loaded before it is started."""
    starter = STARTER if settings.starter_models else None
    cache = settings.models_folder / "fetched"
    find, find_tried = partial(find_ranker, storage, cache, starter=starter), partial(find_tried_ranker, storage, cache)
    options = HostingOptions(
        enabled=settings.duplicates,
        least_probability=settings.duplicates_least_probability,
        failures=settings.prediction_failures,
        pause_seconds=settings.prediction_pause_seconds,
        vectors=settings.duplicates_vectors,
    )
    rankers = Rankers(find, WORDS if settings.starter_models else None, starter=starter, find_tried=find_tried)
    return DuplicateHost(
        database,
        options,
        rankers=rankers,
        find_encoder=models.shelf.find_encoder,
        ask_for_profiles=partial(ask_for_profiles, database),
    )
