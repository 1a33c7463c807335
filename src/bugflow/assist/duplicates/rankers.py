"""The learned rankings of a process: of the version in use, else what comes with BugFlow, and the one that is tried."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from bugflow import __version__
from bugflow.core.errors import BugFlowError, UnavailableError
from bugflow.core.storage import Storage
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.mlops.predictions.entries import RANKING, WORDS
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.remembering import forget_model, recall_model, remember_model
from bugflow.mlops.registry.store import find_challenger, find_current
from bugflow.mlops.registry.versions import DUPLICATES
from bugflow.mlops.serving.opinions import STARTER as STARTER_METHOD

if TYPE_CHECKING:
    from bugflow.ml.duplicates.ranker import Ranker

log = structlog.get_logger()

MODEL_TYPE = DUPLICATES


@dataclass(frozen=True, slots=True)
class RankerPlace:
    """Where a ranker lies, and what it is called."""

    name: str
    folder: Path


STARTER = RankerPlace(f"{STARTER_METHOD}/{__version__}", FOLDER)
WORDS_NAME = f"{STARTER.name}/{WORDS}"
"""How the ranker of words that comes with BugFlow is called."""


@dataclass(frozen=True, slots=True, eq=False)
class LoadedRanker:
    """A ranker in memory.

    Attributes:
        name: Its version.
        method: How the ledger of predictions names who has spoken.
    """

    name: str
    method: str
    ranker: "Ranker"


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


def find_tried_ranker(storage: Storage, cache_folder: Path) -> RankerPlace | None:
    """Return the place of the version that is tried, as the storage names it; none where none is.

    Raises:
        BugFlowError: It is damaged, or the storage does not answer.
    """
    tried = find_challenger(storage, MODEL_TYPE)
    return None if tried is None else RankerPlace(tried.name, fetch_model(storage, tried, cache_folder))


class Rankers:
    """What puts candidates in order: one ranker for reports with vectors, and one for reports by their words alone.

    Attributes:
        full: Of the version in use.
        by_words: Asked where there are no vectors; always what comes with BugFlow.
        challenger: Of the version that is tried; none where none is.
    """

    def __init__(
        self,
        find: Callable[[], RankerPlace | None],
        words_folder: Path | None = None,
        *,
        starter: RankerPlace | None = None,
        find_tried: Callable[[], RankerPlace | None] = lambda: None,
    ) -> None:
        """Take where rankers are.

        Args:
            find: Finds the one in use.
            words_folder: Where that for reports without vectors lies; none asks none.
            starter: Serves where the one in use cannot be loaded and nothing was before.
            find_tried: Finds the one that is tried.
        """
        self.full: LoadedRanker | None = None
        self.by_words: LoadedRanker | None = None
        self.challenger: LoadedRanker | None = None
        self._find = find
        self._find_tried = find_tried
        self._words_folder = words_folder
        self._starter = starter
        self._problem: str | None = None
        self._problem_of_challenger: str | None = None

    @property
    def name(self) -> str | None:
        """Of the version that is asked; none before the first."""
        return None if self.full is None else self.full.name

    def look(self) -> None:
        """Load what is to be used; where it cannot be loaded, what was used before stays. For a background thread."""
        try:
            if self.by_words is None and self._words_folder is not None:
                self.by_words = LoadedRanker(WORDS_NAME, WORDS, _load(self._words_folder))
            self._take(self._find())
            self._problem = None
        except BugFlowError as error:
            self._tell_once(error)
            if self.full is None:
                self._take(self._starter)
        self._look_for_challenger()

    def _take(self, place: RankerPlace | None) -> None:
        if place is not None and place.name != self.name:
            method = STARTER_METHOD if place.name == STARTER.name else RANKING
            self.full = LoadedRanker(place.name, method, _load(place.folder))
            log.info("duplicates_ranker_loaded", version=place.name)

    def _tell_once(self, error: BugFlowError) -> None:
        if self._problem != str(error):
            self._problem = str(error)
            log.warning("duplicates_ranker_not_loaded", error=str(error), still_used=self.name)

    def _look_for_challenger(self) -> None:
        """Load the version that is tried, and let it go when it is tried no longer; what cannot be loaded is not asked.

        While the storage does not answer, what is there stays; who asks it knows from the database whether to.
        """
        try:
            place = self._find_tried()
            if place is None:
                self.challenger = None
            elif self.challenger is None or self.challenger.name != place.name:
                self.challenger = LoadedRanker(place.name, RANKING, _load(place.folder))
                log.info("duplicates_challenger_loaded", version=place.name)
            self._problem_of_challenger = None
        except BugFlowError as error:
            if self._problem_of_challenger != str(error):
                self._problem_of_challenger = str(error)
                log.warning("duplicates_challenger_not_loaded", error=str(error))

    def choose(self, *, with_vectors: bool) -> LoadedRanker | None:
        """Return the ranker for a report with or without vectors."""
        return self.full if with_vectors else self.by_words

    def find_challenger(self, version: str) -> LoadedRanker | None:
        """Return the ranker of a version that is tried, where it is in memory."""
        challenger = self.challenger
        return challenger if challenger is not None and challenger.name == version else None


def _load(folder: Path) -> "Ranker":
    from bugflow.ml.duplicates.ranker import Ranker  # noqa: PLC0415 -- A second; in the background.

    return Ranker.load(folder)
