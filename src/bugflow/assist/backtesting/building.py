"""From settings to what a back-test needs."""

from bugflow.core.database import Database
from bugflow.core.settings import Settings
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.ml.triage.starter import find_starter
from bugflow.mlops.training.contract import Surroundings


def build_surroundings(
    settings: Settings, database: Database, storage: Storage, *, encoder: Encoder | None
) -> Surroundings:
    """Return the surroundings of this installation.

    Args:
        settings: Of this process.
        database: Opened.
        storage: Where models are.
        encoder: One that keeps its vectors, since models learn again and again; none where there is none.
    """
    return Surroundings(
        database=database,
        storage=storage,
        encoder=encoder,
        find_starter=find_starter if settings.starter_models else lambda _: None,
        cache_folder=settings.models_folder / "fetched",
    )
