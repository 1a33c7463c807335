"""The learned rankings of a process: of the version in use, else of what comes with BugFlow."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bugflow import __version__
from bugflow.core.errors import BugFlowError, UnavailableError
from bugflow.core.storage import Storage
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.remembering import forget_model, recall_model, remember_model
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import ModelType

if TYPE_CHECKING:
    from bugflow.ml.duplicates.ranker import Ranker

log = structlog.get_logger()

MODEL_TYPE: ModelType = "duplicates"


@dataclass(frozen=True, slots=True)
class RankerPlace:
    """Where a ranker lies, and what it is called."""

    name: str
    folder: Path


STARTER = RankerPlace(f"starter/{__version__}", FOLDER)


def find_ranker(storage: Storage, cache_folder: Path, *, starter: RankerPlace | None = STARTER) -> RankerPlace | None:
    """Return the place of the version in use on this machine; where none was trained, of what comes with BugFlow.

    While the storage does not answer it is the version that was last in use here.

    Raises:
        BugFlowError: The version in use is damaged, or the storage does not answer and nothing was in use here.
    """
    try:
        current = find_current(storage, MODEL_TYPE)
        if current is None:
            forget_model(MODEL_TYPE, cache_folder)
            return starter
        folder = fetch_model(storage, current, cache_folder)
    except UnavailableError:
        last = recall_model(MODEL_TYPE, cache_folder)
        if last is None:
            raise
        return RankerPlace(last[0].name, last[1])
    remember_model(current, cache_folder)
    return RankerPlace(current.name, folder)


class Rankers:
    """What puts candidates in order: one ranker for reports with vectors, and one for reports by their words alone.

    Attributes:
        name: Of the version that is asked; none before the first.
        by_words: Asked where there are no vectors; always what comes with BugFlow.
    """

    def __init__(
        self,
        find: Callable[[], RankerPlace | None],
        words_folder: Path | None = None,
        *,
        starter: RankerPlace | None = None,
    ) -> None:
        """Take what finds the ranker in use, and what serves where that cannot be loaded and nothing was before."""
        self.name: str | None = None
        self.full: Ranker | None = None
        self.by_words: Ranker | None = None
        self._find = find
        self._words_folder = words_folder
        self._starter = starter
        self._problem: str | None = None

    def look(self) -> None:
        """Load what is to be used; where it cannot be loaded, what was used before stays. For a background thread."""
        try:
            if self.by_words is None and self._words_folder is not None:
                self.by_words = _load(self._words_folder)
            self._take(self._find())
            self._problem = None
        except BugFlowError as error:
            self._tell_once(error)
            if self.full is None:
                self._take(self._starter)

    def _take(self, place: RankerPlace | None) -> None:
        if place is not None and place.name != self.name:
            self.full, self.name = _load(place.folder), place.name
            log.info("duplicates_ranker_loaded", version=place.name)

    def _tell_once(self, error: BugFlowError) -> None:
        if self._problem != str(error):
            self._problem = str(error)
            log.warning("duplicates_ranker_not_loaded", error=str(error), still_used=self.name)

    def choose(self, *, with_vectors: bool) -> "Ranker | None":
        """Return the ranker for a report with or without vectors."""
        return self.full if with_vectors else self.by_words


def _load(folder: Path) -> "Ranker":
    from bugflow.ml.duplicates.ranker import Ranker  # noqa: PLC0415 -- A second; in the background.

    return Ranker.load(folder)
