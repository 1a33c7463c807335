"""What a server has answered, on its way into the predictions ledger: no request waits for it."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bugflow.core.database import Database
from bugflow.mlops.predictions.entries import Entry
from bugflow.mlops.predictions.service import record_entries
from bugflow.mlops.predictions.settling import Settle, settle_issue

log = structlog.get_logger()

MOST_WAITING = 5000
WRITTEN_AT_ONCE = 500
STOPPING_SECONDS = 5.0
AWAY = (OperationalError, InterfaceError, PoolTimeoutError)
"""The database does not answer, is locked or has no connection free: what waits is tried again."""


class Observer(Protocol):
    """Reads what is to be watched when it is asked."""

    def watch(self, name: str, description: str, *, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Read a gauge, by values of one label, each time the measurements are asked for."""


class PredictionLog:
    """Writes what was answered in the background, about once in `seconds`, many answers in one transaction.

    While the database does not answer, the newest `most_waiting` entries wait; older ones are dropped, and counted.
    """

    def __init__(
        self,
        database: Database,
        *,
        seconds: float = 1.0,
        most_waiting: int = MOST_WAITING,
        settle: Settle = settle_issue,
    ) -> None:
        """Take where it is written, and what settles of it what people have said already."""
        self._database = database
        self._settle = settle
        self._seconds = seconds
        self._waiting: deque[Entry] = deque(maxlen=most_waiting)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._something = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._written = self._dropped = self._transactions = 0
        self._is_away = False

    def observe_with(self, observer: Observer) -> None:
        """Let what waits, was written and was dropped be measured."""
        observer.watch(
            "bugflow_prediction_log",
            "Entries of this process for the predictions ledger, and the transactions that wrote them.",
            label="what",
            read=self.read_counts,
        )

    def start(self) -> None:
        """Begin to write."""
        self._stopping.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="bugflow-prediction-log", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Write what waits, and end; a database that does not answer is not waited for long."""
        self._stopping.set()
        self._something.set()
        if self._thread is not None:
            self._thread.join(STOPPING_SECONDS)
            self._thread = None
        if self._waiting:
            log.warning("predictions_not_written", count=len(self._waiting))

    def note(self, entries: Sequence[Entry]) -> None:
        """Take what was answered; it waits for nothing."""
        with self._lock:
            self._dropped += max(0, len(self._waiting) + len(entries) - (self._waiting.maxlen or 0))
            self._waiting.extend(entries)
        if entries and not self._something.is_set():
            self._something.set()

    def read_counts(self) -> dict[str, float]:
        """Return how many entries wait, were written and were dropped, and in how many transactions."""
        return {
            "waiting": float(len(self._waiting)),
            "written": float(self._written),
            "dropped": float(self._dropped),
            "transactions": float(self._transactions),
        }

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._something.wait()
            if self._stopping.wait(self._seconds):
                break
            self._something.clear()
            if not self.write():
                self._something.set()
        self.write()

    def write(self) -> bool:
        """Write what waits, after whoever is writing; return whether the database has answered."""
        with self._writing:
            while batch := self._take():
                if not self._write_batch(batch):
                    return False
            return True

    def _write_batch(self, batch: Sequence[Entry]) -> bool:
        try:
            with self._database.transaction() as session:
                record_entries(session, batch, settle=self._settle)
        except AWAY as error:
            self._put_back(batch)
            self._tell_away(error)
            return False
        except Exception as error:  # noqa: BLE001 -- The thread's edge: what cannot be written stops nothing else.
            self._drop(len(batch))
            log.warning("predictions_refused", count=len(batch), error=str(error)[:300], kind=type(error).__name__)
        else:
            self._written += len(batch)
            self._transactions += 1
            self._is_away = False
        return True

    def _take(self) -> list[Entry]:
        with self._lock:
            return [self._waiting.popleft() for _ in range(min(WRITTEN_AT_ONCE, len(self._waiting)))]

    def _put_back(self, batch: Sequence[Entry]) -> None:
        """Put a batch before what has come since; of both only the newest stay."""
        with self._lock:
            room = (self._waiting.maxlen or 0) - len(self._waiting)
            kept = batch[max(0, len(batch) - room) :]
            self._waiting.extendleft(reversed(kept))
            self._dropped += len(batch) - len(kept)

    def _drop(self, count: int) -> None:
        with self._lock:
            self._dropped += count

    def _tell_away(self, error: Exception) -> None:
        if not self._is_away:
            self._is_away = True
            log.warning("predictions_wait_for_database", waiting=len(self._waiting), error=str(error)[:300])
