"""What Prometheus is told: remembered, read beside who asks, and the same as people are told."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bugflow.core.clock import utc_now
from bugflow.core.storage import Storage
from bugflow.core.storage.file import FileStorage
from bugflow.mlops.monitoring.figures import Scope, measure
from bugflow.mlops.monitoring.gauges import COSTLY_SECONDS, FRESH_SECONDS, PATIENCE_SECONDS, ModelGauges
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.monitoring.summing import sum_up_all
from bugflow.mlops.registry.versions import MODEL_TYPES
from factories.watchtower import Watchtower

LONG_SECONDS = 60.0


class SlowStorage(FileStorage):
    """Answers nobody until it may."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.may_answer = threading.Event()

    def read(self, key: str) -> Iterator[bytes]:
        self.may_answer.wait(LONG_SECONDS)
        return super().read(key)


class Reader:
    """Asks for gauges as Prometheus does."""

    def __init__(self, tower: Watchtower, storage: Storage, *, patience_seconds: float = LONG_SECONDS) -> None:
        self.now = 0.0
        self.readers: dict[str, Callable[[], Mapping[str, float]]] = {}
        self.gauges = ModelGauges(
            tower.database, storage, WatchOptions(), clock=lambda: self.now, patience_seconds=patience_seconds
        )
        self.gauges.observe_with(self)

    def watch(self, name: str, description: str, *, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        assert description
        assert label
        self.readers[name] = read

    def read(self, name: str) -> dict[str, float]:
        return dict(self.readers[name]())


def test_figures_are_remembered_for_a_minute_and_alarms_for_ten(tower: Watchtower) -> None:
    reader = Reader(tower, tower.storage)
    assert reader.read("bugflow_model_precision") == {}
    assert reader.read("bugflow_model_alarms") == {}
    tower.predict(30, at=utc_now() - timedelta(hours=1), outcome="wrong")
    reader.now = FRESH_SECONDS - 1
    assert reader.read("bugflow_model_precision") == {}
    reader.now = FRESH_SECONDS
    assert reader.read("bugflow_model_precision") == {"severity": 0.0}
    assert reader.read("bugflow_model_alarms") == {}
    reader.now = COSTLY_SECONDS
    assert reader.read("bugflow_model_alarms") == {"precision": 1.0}


def test_gauges_that_cannot_be_read_are_left_out_and_read_again(tower: Watchtower) -> None:
    version = tower.publish("1.0.0")
    tower.damage("severity")
    reader = Reader(tower, tower.storage)
    assert reader.read("bugflow_model_info") == {}
    tower.storage.delete("ml_models/severity/champion.json")
    tower.use(version)
    reader.now = FRESH_SECONDS
    assert reader.read("bugflow_model_info")[version.name] == 1.0


def test_who_asks_is_told_what_was_read_before_while_reading_anew_takes_long(tower: Watchtower, tmp_path: Path) -> None:
    storage = SlowStorage(tmp_path / "slow")
    reader = Reader(tower, storage, patience_seconds=0.05)
    tower.predict(9, at=utc_now() - timedelta(hours=1), outcome="right")
    started = time.monotonic()
    assert [reader.read("bugflow_model_precision") for _ in range(20)] == [{}] * 20
    assert time.monotonic() - started < LONG_SECONDS / 2
    storage.may_answer.set()
    reader.gauges.stop()
    assert reader.read("bugflow_model_precision") == {"severity": 1.0}
    storage.may_answer.clear()
    reader.now = FRESH_SECONDS
    assert reader.read("bugflow_model_precision") == {"severity": 1.0}
    storage.may_answer.set()
    reader.gauges.stop()


def test_who_asks_waits_less_than_prometheus_does() -> None:
    assert 2 * PATIENCE_SECONDS < 10  # Its usual time-out.


def test_a_database_that_was_away_is_asked_again_at_once(tower: Watchtower) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    reader = Reader(tower, tower.storage)
    event.listen(tower.database.engine, "before_cursor_execute", fail)
    assert reader.read("bugflow_model_info") == {}
    event.remove(tower.database.engine, "before_cursor_execute", fail)
    assert reader.read("bugflow_model_info")["severity/starter"] == 1.0


def draw_facts(generator: np.random.Generator, now_hours: int) -> dict[str, Any]:
    """Return facts of a prediction in which everything that is counted differs."""
    return {
        "field": str(generator.choice(["severity", "team"])),
        "band": str(generator.choice(["sure", "suggested", "unsure"])),
        "shown": bool(generator.integers(2)),
        "outcome": [None, "right", "wrong"][int(generator.integers(3))],
        "probability": [None, 0.3, 0.7, 1.0, float(generator.random())][int(generator.integers(5))],
        "part": str(generator.choice(["champion", "shadow"], p=[0.8, 0.2])),
        "method": str(generator.choice(["linear", "off"], p=[0.9, 0.1])),
        "label": str(generator.choice(["low", "high"])),
        "at": utc_now() - timedelta(hours=int(generator.integers(now_hours))),
    }


@pytest.mark.parametrize("seed", range(3))
def test_prometheus_is_told_the_same_as_people(tower: Watchtower, seed: int) -> None:
    generator = np.random.default_rng(seed)
    with tower.database.transaction() as session:
        for _ in range(200):
            tower.note(session, 1, **draw_facts(generator, now_hours=60 * 24))
    until = utc_now()
    since = until - timedelta(days=30)
    with tower.database.snapshot() as session:
        told = sum_up_all(session, since=since, until=until)
        assert list(told) == list(MODEL_TYPES)
        for model_type, summary in told.items():
            known = measure(session, Scope(model_type=model_type, since=since, until=until))
            assert summary.figures == known.overall
            assert summary.calibration_error == pytest.approx(known.calibration.error)
    assert told["severity"].figures.accuracy.total > 10
    assert told["priority"].calibration_error is None
