"""The models in memory: loaded in the background, replaced at once when another one is to be used."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from bugflow import __version__
from bugflow.core.storage import Storage
from bugflow.ml.artifacts import ArtifactError
from bugflow.ml.contract import Encoder
from bugflow.ml.encoder.errors import NotPreparedError
from bugflow.ml.encoder.sharing import SharedEncoder
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.remembering import forget_model, recall_model, remember_model
from bugflow.mlops.registry.store import find_challenger, find_current
from bugflow.mlops.registry.versions import GLOBAL, TriageType
from bugflow.mlops.serving.loading import ServedModel, load_model
from bugflow.mlops.serving.opinions import STARTER
from bugflow.mlops.serving.options import ServingOptions
from bugflow.mlops.serving.statistics import CacheCounts, Loaded

log = structlog.get_logger()

SELDOM = 12
"""Where there was nothing, or something that could not be used, it is looked so many times less often."""
STOPPING_SECONDS = 5.0


@dataclass(slots=True)
class Slot:
    """The place of one model: of a target, for all projects or for one.

    Attributes:
        served: What is asked now.
        name: Of what is served; none before the first.
        problem: Of the last attempt, as it was logged, so that it is logged once.
        loaded_at: When it was put into memory, by the shelf's clock.
        bytes: Of its files.
    """

    target: TriageType
    scope: str
    asked_at: float
    served: ServedModel | None = None
    name: str | None = None
    problem: str | None = None
    look_at: float = 0.0
    loaded_at: float = 0.0
    bytes: int = 0

    @property
    def key(self) -> str:
        """How the cache's entries are named: model type, then the project's UUID or `global`."""
        return f"{self.target}_{self.scope}"


class Shelf:
    """The models of a process by target and scope; taking one waits for nothing."""

    def __init__(
        self,
        storage: Storage,
        options: ServingOptions,
        *,
        on_change: Callable[[TriageType], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._options = options
        self._on_change = on_change
        self._clock = clock
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._slots = {(target, GLOBAL): Slot(target, GLOBAL, clock()) for target in options.targets}
        self._remembers = options.serves == "champions"
        self._find_version = find_current if self._remembers else find_challenger
        self._counts = CacheCounts()
        self._encoder: Encoder | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to load what is to be used, and to look whether it changes."""
        self._stopping.clear()
        if self._slots and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="bugflow-models", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop looking, and let the encoder go."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOPPING_SECONDS)
            self._thread = None
        if isinstance(self._encoder, SharedEncoder):
            self._encoder.close()
            self._encoder = None

    def find(self, target: TriageType, scope: str) -> ServedModel | None:
        """Return the model of a scope, else the one for everybody; one that is not loaded yet will be."""
        own = self._ask(target, scope) if scope != GLOBAL else None
        shared = self._slots.get((target, GLOBAL))
        found = own or (shared.served if shared is not None else None)
        self._counts.add("misses" if found is None else "hits")
        return found

    def _ask(self, target: TriageType, scope: str) -> ServedModel | None:
        slot = self._slots.get((target, scope))
        if slot is None:
            with self._lock:
                slot = self._slots.setdefault((target, scope), Slot(target, scope, self._clock()))
        slot.asked_at = self._clock()
        return slot.served

    def find_encoder(self) -> Encoder | None:
        """Return the one encoder of the process; none as long as no model has needed it."""
        return self._encoder

    def read_encoder(self) -> dict[str, float]:
        """Return what the shared encoder has done so far, by name; nothing where none is open."""
        encoder = self._encoder
        return encoder.statistics().to_gauges() if isinstance(encoder, SharedEncoder) else {}

    def read_counts(self) -> dict[str, float]:
        """Return what was asked for and loaded since the process began, by name."""
        return self._counts.to_gauges()

    def list_loaded(self) -> list[Loaded]:
        """Return the models in memory, those for all projects first."""
        now = self._clock()
        return [
            Loaded(each.key, each.name, each.bytes, now - each.loaded_at, each.problem)
            for each in self.list_slots()
            if each.name is not None
        ]

    def list_slots(self) -> list[Slot]:
        """Return every place, of targets for all projects first."""
        with self._lock:
            return list(self._slots.values())

    def _run(self) -> None:
        while not self._stopping.wait(
            min(1.0, self._options.poll_seconds)
        ):  # Also before the first: starting is first.
            self.look()

    def look(self) -> None:
        """Look at every place whose time has come: load, replace, let go."""
        with self._looking:
            for slot in self.list_slots():
                if self._stopping.is_set():
                    return
                if slot.scope != GLOBAL and self._clock() - slot.asked_at > self._options.cache_seconds:
                    self._let_go(slot)
                elif self._clock() >= slot.look_at:
                    self._look_at(slot)

    def _let_go(self, slot: Slot) -> None:
        with self._lock:
            self._slots.pop((slot.target, slot.scope), None)
        if slot.served is not None:
            self._counts.add("evictions")
        log.info("model_let_go", target=slot.target, scope=slot.scope, version=slot.name)

    def _look_at(self, slot: Slot) -> None:
        wait = self._options.poll_seconds
        try:
            self._bring_up_to_date(slot)
            slot.problem = None
            if slot.served is None and slot.scope != GLOBAL:
                wait *= SELDOM
        except NotPreparedError as error:  # At first a server answers; the next look prepares the encoder.
            wait *= SELDOM
            slot.problem = str(error)
            log.info("model_waits_for_encoder", target=slot.target, scope=slot.scope, seconds=wait)
        except Exception as error:  # noqa: BLE001 -- The edge to stored models: whatever is wrong, the old one stays.
            wait *= SELDOM
            self._counts.add("failures")
            self._tell_once(slot, error)
        slot.look_at = self._clock() + wait

    def _tell_once(self, slot: Slot, error: Exception) -> None:
        if slot.problem != str(error):
            slot.problem = str(error)
            log.warning(
                "model_not_loaded",
                target=slot.target,
                scope=slot.scope,
                error=str(error),
                kind=type(error).__name__,
                still_served=slot.name,
            )

    def _bring_up_to_date(self, slot: Slot) -> None:
        try:
            current = self._find_version(self._storage, slot.target, slot.scope)
            if current is not None:
                if slot.name != current.name:
                    folder = fetch_model(self._storage, current, self._options.cache_folder)
                    self._load(slot, current.name, folder)
                    if self._remembers:
                        remember_model(current, self._options.cache_folder)
                return
        except Exception:
            if slot.served is None and self._remembers:
                self._use_last(slot)
            raise
        self._use_starter(slot)
        if self._remembers:
            forget_model(slot.target, self._options.cache_folder, slot.scope)

    def _use_last(self, slot: Slot) -> None:
        """Serve what was last in use on this machine, until what should be used can be: else the starter."""
        last = recall_model(slot.target, self._options.cache_folder, slot.scope)
        if last is not None:
            version, folder = last
            try:
                self._load(slot, version.name, folder)
            except ArtifactError as error:
                log.warning("model_not_loaded", target=slot.target, scope=slot.scope, error=str(error))
            else:
                return
        self._use_starter(slot)

    def _use_starter(self, slot: Slot) -> None:
        folder = self._options.find_starter(slot.target) if slot.scope == GLOBAL else None
        if folder is not None:
            self._load(slot, f"{STARTER}/{__version__}", folder, method=STARTER)
        elif slot.name is not None:
            self._put(slot, None, None)

    def _load(self, slot: Slot, name: str, folder: Path, *, method: str | None = None) -> None:
        if slot.name != name:
            served = load_model(folder, slot.target, version=name, open_encoder=self.open_encoder, method=method)
            slot.bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            self._put(slot, name, served)
            self._counts.add("loads")

    def _put(self, slot: Slot, name: str | None, served: ServedModel | None) -> None:
        before = slot.name
        slot.served, slot.name, slot.loaded_at = served, name, self._clock()
        self._on_change(slot.target)
        log.info("model_loaded", target=slot.target, scope=slot.scope, version=name, before=before)

    def open_encoder(self) -> Encoder:
        """Return the one encoder of the process, which is opened where it is not yet."""
        if self._encoder is None:
            self._encoder = self._options.open_encoder()
        return self._encoder
