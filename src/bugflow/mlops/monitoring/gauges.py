"""What Prometheus is told of models: read when it asks, at most once a minute, and what is costly every ten.

Another thread reads, for which who asks waits a moment: with a large ledger they are told what was read before.
"""

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Protocol

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import BugFlowError
from bugflow.core.storage import Storage
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.monitoring.alarms import find_alarms
from bugflow.mlops.monitoring.drift import find_label_drift
from bugflow.mlops.monitoring.figures import USUAL_DAYS, Scope
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.summing import Summary, sum_up_all
from bugflow.mlops.registry.store import find_current
from bugflow.mlops.registry.versions import MODEL_TYPES, ModelType
from bugflow.mlops.serving.opinions import STARTER
from bugflow.tracker.accounts.actor import build_system_actor

log = structlog.get_logger()

FRESH_SECONDS, COSTLY_SECONDS = 60.0, 600.0
PATIENCE_SECONDS = 0.5
"""So long who asks waits for what is being read anew, where that takes longer."""
STOP_SECONDS = 10.0

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
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._database, self._storage, self._options = database, storage, options
        self._cheap = _Remembered(self._read_cheap, FRESH_SECONDS, clock, patience_seconds)
        self._costly = _Remembered(self._read_costly, COSTLY_SECONDS, clock, patience_seconds)

    def observe_with(self, observer: Observer) -> None:
        """Have the figures read from now on."""
        for gauges, remembered in ((GAUGES, self._cheap), (COSTLY_GAUGES, self._costly)):
            for name, description, label in gauges:
                observer.watch(name, description, label=label, read=remembered.reader(name))

    def stop(self) -> None:
        """Wait for what is being read, a while."""
        for remembered in (self._cheap, self._costly):
            remembered.stop()

    def _read_cheap(self) -> Readings:
        found: Readings = {name: {} for name, *_ in GAUGES}
        now = utc_now()
        with self._database.snapshot() as session:
            for model_type, summary in sum_up_all(session, since=now - timedelta(days=USUAL_DAYS), until=now).items():
                _note_shares(found, model_type, summary)
            corrections = session.execute(select(Correction.field, func.count()).group_by(Correction.field))
            found["bugflow_corrections"] = {field: float(count) for field, count in corrections}
        for model_type in MODEL_TYPES:
            current = find_current(self._storage, model_type)
            name = f"{model_type}/{STARTER}" if current is None else current.name
            found["bugflow_model_info"][name] = 1.0
        return found

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


def _note_shares(found: Readings, model_type: ModelType, summary: Summary) -> None:
    shares = {
        "bugflow_model_coverage": summary.figures.coverage.share,
        "bugflow_model_precision": summary.figures.precision.share,
        "bugflow_model_acceptance": summary.figures.acceptance.share,
        "bugflow_model_calibration_error": summary.calibration_error,
    }
    for name, share in shares.items():
        if share is not None:
            found[name][model_type] = share


class _Remembered:
    """Readings that a thread makes anew when they are too old; until it has, the old ones are told."""

    def __init__(
        self, read: Callable[[], Readings], seconds: float, clock: Callable[[], float], patience_seconds: float
    ) -> None:
        self._read, self._seconds, self._clock, self._patience = read, seconds, clock, patience_seconds
        self._lock = threading.Lock()
        self._found: Readings = {}
        self._begun_at: float | None = None
        self._thread: threading.Thread | None = None
        self._waits_until = 0.0

    def reader(self, name: str) -> Callable[[], Mapping[str, float]]:
        """Return what reads one gauge."""
        return lambda: self._find().get(name, {})

    def stop(self) -> None:
        """Wait for what is being read, a while."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS)

    def _find(self) -> Readings:
        """Return what was read last; all who ask wait together, once for each reading."""
        with self._lock:
            thread = self._thread
            if (thread is None or not thread.is_alive()) and self._is_old():
                self._begun_at = self._clock()
                self._waits_until = time.monotonic() + self._patience
                thread = self._thread = threading.Thread(target=self._renew, name="bugflow-gauges", daemon=True)
                thread.start()
        if thread is not None:
            thread.join(max(self._waits_until - time.monotonic(), 0.0))
        return self._found

    def _is_old(self) -> bool:
        return self._begun_at is None or self._clock() - self._begun_at >= self._seconds

    def _renew(self) -> None:
        try:
            self._found = self._read()
        except BugFlowError as error:  # The storage does not answer, or what it has is damaged.
            self._forget(error)
        except (SQLAlchemyError, OSError) as error:  # The database is away, for a moment perhaps.
            self._forget(error)
            self._begun_at = None

    def _forget(self, error: Exception) -> None:
        log.warning("model_gauges_unreadable", error=str(error), kind=type(error).__name__)
        self._found = {}
