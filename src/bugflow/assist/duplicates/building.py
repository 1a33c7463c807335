"""From settings to the issues of a process in memory."""

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.core.database import Database
from bugflow.core.settings import Settings
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.mlops.serving.host import ModelHost


def build_duplicates(settings: Settings, database: Database, models: ModelHost) -> DuplicateHost:
    """Return the issues of a process; nothing is loaded before it is started."""
    options = HostingOptions(
        enabled=settings.duplicates,
        ranker_folder=FOLDER if settings.starter_models else None,
        least_probability=settings.duplicates_least_probability,
        failures=settings.prediction_failures,
        pause_seconds=settings.prediction_pause_seconds,
    )
    return DuplicateHost(database, options, find_encoder=models.shelf.find_encoder)
