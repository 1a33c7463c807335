"""The models in memory: loaded in the background, replaced at once when another one is to be used."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from bugflow import __version__
from bugflow.core.storage import Storage
from bugflow.ml.contract import Encoder
from bugflow.ml.encoder.errors import NotPreparedError
from bugflow.ml.encoder.sharing import SharedEncoder
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import GLOBAL, ModelVersion, TriageType
from bugflow.mlops.serving.loading import ServedModel, load_model
from bugflow.mlops.serving.opinions import STARTER
from bugflow.mlops.serving.options import ServingOptions

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
    """

    target: TriageType
    scope: str
    asked_at: float
    served: ServedModel | None = None
    name: str | None = None
    problem: str | None = None
    look_at: float = 0.0


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
        return own or (shared.served if shared is not None else None)

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
            current = find_current(self._storage, slot.target, slot.scope)
            if current is not None:
                if slot.name != current.name:
                    self._put(slot, current.name, self._load(slot.target, current))
                return
        except Exception:
            if slot.served is None:
                self._use_starter(slot)
            raise
        self._use_starter(slot)

    def _load(self, target: TriageType, version: ModelVersion) -> ServedModel:
        folder = fetch_model(self._storage, version, self._options.cache_folder)
        return load_model(folder, target, version=version.name, open_encoder=self._open_encoder)

    def _use_starter(self, slot: Slot) -> None:
        folder = self._options.find_starter(slot.target) if slot.scope == GLOBAL else None
        name = None if folder is None else f"{STARTER}/{__version__}"
        if slot.name == name:
            return
        served = None
        if folder is not None:
            served = load_model(folder, slot.target, version=str(name), open_encoder=self._open_encoder, method=STARTER)
        self._put(slot, name, served)

    def _put(self, slot: Slot, name: str | None, served: ServedModel | None) -> None:
        before = slot.name
        slot.served, slot.name = served, name
        self._on_change(slot.target)
        log.info("model_loaded", target=slot.target, scope=slot.scope, version=name, before=before)

    def _open_encoder(self) -> Encoder:
        if self._encoder is None:
            self._encoder = self._options.open_encoder()
        return self._encoder
