"""What Prometheus is told of models: read when it asks, at most once a minute, and what is costly every ten."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import BugFlowError
from bugflow.core.storage import Storage
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.monitoring.alarms import find_alarms
from bugflow.mlops.monitoring.drift import find_label_drift
from bugflow.mlops.monitoring.figures import CHAMPION_PART, USUAL_DAYS, Scope, calibrate, count_cells, sum_up
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import MODEL_TYPES
from bugflow.mlops.serving.opinions import STARTER
from bugflow.tracker.accounts.actor import build_system_actor

log = structlog.get_logger()

FRESH_SECONDS, COSTLY_SECONDS = 60.0, 600.0

GAUGES = (
    ("bugflow_model_coverage", "Share of the predictions of 30 days that were sure.", "model"),
    ("bugflow_model_precision", "Share of the sure predictions of 30 days that people found right.", "model"),
    ("bugflow_model_acceptance", "Share of the predictions of 30 days that somebody saw and that were right.", "model"),
    ("bugflow_model_calibration_error", "By how much probability and being right differ (ECE), of 30 days.", "model"),
    ("bugflow_model_info", "1 for each version in use.", "version"),
    ("bugflow_corrections", "Corrections in the ledger.", "field"),
)
COSTLY_GAUGES = (
    ("bugflow_model_drift", "Distance (Jensen-Shannon) of the labels of 30 days from those before.", "model"),
    ("bugflow_model_alarms", "What is not as it should be.", "kind"),
)

Readings = dict[str, dict[str, float]]


class Observer(Protocol):
    """Reads what is to be watched when it is asked."""

    def watch(self, name: str, description: str, *, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Read a gauge, by values of one label, each time the measurements are asked for."""


class ModelGauges:
    """Figures about models, remembered for a while so that asking often costs little."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        options: WatchOptions,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._storage, self._options = database, storage, options
        self._cheap = _Remembered(self._read_cheap, FRESH_SECONDS, clock)
        self._costly = _Remembered(self._read_costly, COSTLY_SECONDS, clock)

    def observe_with(self, observer: Observer) -> None:
        """Have the figures read from now on."""
        for gauges, remembered in ((GAUGES, self._cheap), (COSTLY_GAUGES, self._costly)):
            for name, description, label in gauges:
                observer.watch(name, description, label=label, read=remembered.reader(name))

    def _read_cheap(self) -> Readings:
        found: Readings = {name: {} for name, *_ in GAUGES}
        with self._database.snapshot() as session:
            for model_type in MODEL_TYPES:
                self._read_figures(session, Scope.of_days(model_type, USUAL_DAYS, now=utc_now()), found)
            corrections = session.execute(select(Correction.field, func.count()).group_by(Correction.field))
            found["bugflow_corrections"] = {field: float(count) for field, count in corrections}
        for model_type in MODEL_TYPES:
            current = find_current(self._storage, model_type)
            name = f"{model_type}/{STARTER}" if current is None else current.name
            found["bugflow_model_info"][name] = 1.0
        return found

    def _read_figures(self, session: Session, scope: Scope, found: Readings) -> None:
        figures = sum_up(cell for cell in count_cells(session, scope) if cell.part == CHAMPION_PART)
        shares = {
            "bugflow_model_coverage": figures.coverage.share,
            "bugflow_model_precision": figures.precision.share,
            "bugflow_model_acceptance": figures.acceptance.share,
            "bugflow_model_calibration_error": calibrate(session, scope).error,
        }
        for name, share in shares.items():
            if share is not None:
                found[name][scope.model_type] = share

    def _read_costly(self) -> Readings:
        drifts: dict[str, float] = {}
        counts: dict[str, float] = {}
        now, viewer = utc_now(), build_system_actor("job")
        with self._database.snapshot() as session:
            for model_type in MODEL_TYPES:
                drift = find_label_drift(session, Scope.of_days(model_type, USUAL_DAYS, now=now))
                if drift is not None and drift.distance is not None:
                    drifts[model_type] = drift.distance
            for alarm in find_alarms(session, self._storage, viewer=viewer, options=self._options, now=now):
                counts[alarm.kind] = counts.get(alarm.kind, 0.0) + 1.0
        return {"bugflow_model_drift": drifts, "bugflow_model_alarms": counts}


class _Remembered:
    """Readings that are made anew when they are too old; one thread makes them, the others wait."""

    def __init__(self, read: Callable[[], Readings], seconds: float, clock: Callable[[], float]) -> None:
        self._read, self._seconds, self._clock = read, seconds, clock
        self._lock = threading.Lock()
        self._found: Readings = {}
        self._read_at: float | None = None

    def reader(self, name: str) -> Callable[[], Mapping[str, float]]:
        """Return what reads one gauge."""
        return lambda: self._find().get(name, {})

    def _find(self) -> Readings:
        with self._lock:
            if self._read_at is None or self._clock() - self._read_at >= self._seconds:
                try:
                    self._found = self._read()
                except BugFlowError as error:  # The storage does not answer, or what it has is damaged.
                    log.warning("model_gauges_unreadable", error=str(error), kind=type(error).__name__)
                    self._found = {}
                self._read_at = self._clock()
            return self._found
