"""Measures what it costs to tell Prometheus how good models were.

    PYTHONPATH=benchmarks/learning python benchmarks/learning/gauges.py --predictions 400000
        [--database postgresql://postgres@127.0.0.1:5432/NAME]

Predictions are drawn and spread over the latest 30 days, and as many over the year before if `--older` says so. Read is
what `/metrics` reads: the figures that are read once a minute, and drift and alarms, every ten. The database must be
empty; without one it is SQLite in a temporary folder. It prints the median and the longest of some readings.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlalchemy import insert, text

from bugflow.core.clock import utc_now
from bugflow.core.database import Database, open_database
from bugflow.core.storage import open_storage
from bugflow.migrations import upgrade_schema
from bugflow.mlops.monitoring.gauges import COSTLY_GAUGES, COSTLY_SECONDS, GAUGES, ModelGauges
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.registry.versions import TRIAGE_TYPES
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.projects.service import create_project

WINDOW = timedelta(days=30)
YEAR = timedelta(days=365)
BANDS, BAND_SHARES = ("sure", "suggested", "unsure"), (0.4, 0.35, 0.25)
SHADOW, SHOWN, SETTLED, RIGHT = 0.15, 0.5, 0.3, 0.85
LABELS, PROJECTS, AT_ONCE, ROUNDS = 12, 10, 20_000, 7
PATIENCE_SECONDS = 600.0
"""The whole reading is measured, not how long Prometheus waits for it."""


class Asking:
    """Reads gauges as an application does, as if time had passed before each."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.now = 0.0
        self._readers: dict[str, Callable[[], Mapping[str, float]]] = {}
        storage = open_storage((folder / "files").as_uri())
        gauges = ModelGauges(
            database, storage, WatchOptions(), clock=lambda: self.now, patience_seconds=PATIENCE_SECONDS
        )
        gauges.observe_with(self)

    def watch(self, name: str, description: str, *, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Keep what reads a gauge."""
        del description, label
        self._readers[name] = read

    def read(self, names: list[str]) -> float:
        """Return how many seconds it took to read gauges anew."""
        self.now += COSTLY_SECONDS
        started = time.perf_counter()
        for name in names:
            self._readers[name]()
        return time.perf_counter() - started


def draw(count: int, *, since: datetime, until: datetime, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Yield rows of the ledger, the oldest first."""
    generator = np.random.default_rng(seed)
    for start in range(0, count, AT_ONCE):
        size = min(AT_ONCE, count - start)
        bands, chances = generator.choice(BANDS, size, p=BAND_SHARES), generator.random((5, size))
        labels, fields = generator.integers(LABELS, size=size), generator.integers(len(TRIAGE_TYPES), size=size)
        rows = []
        for row in range(size):
            settled, right = chances[2, row] < SETTLED, chances[3, row] < RIGHT
            moment = since + (until - since) * ((start + row) / count)
            field = TRIAGE_TYPES[fields[row]]
            rows.append(
                {
                    "project_id": 1 + (start + row) % PROJECTS,
                    "draft_key": f"{seed:02x}{start + row:062x}",
                    "field": field,
                    "label": f"Label {labels[row]}",
                    "probability": float(chances[4, row]),
                    "threshold": 0.7,
                    "band": str(bands[row]),
                    "method": "ensemble",
                    "model_version": f"{field}/1.0.0/20260101_000000",
                    "part": "shadow" if chances[0, row] < SHADOW else "champion",
                    "shown": bool(chances[1, row] < SHOWN),
                    "latency_ms": 12.5,
                    "created_at": moment,
                    "truth": f"Label {labels[row] if right else 0}" if settled else None,
                    "outcome": ("right" if right else "wrong") if settled else None,
                    "settled_by": "project_manager" if settled else None,
                    "settled_at": moment if settled else None,
                }
            )
        yield rows


def fill(database: Database, recent: int, older: int) -> None:
    """Make projects, and put predictions into the ledger."""
    now = utc_now()
    with database.transaction() as session:
        for number in range(PROJECTS):
            create_project(session, key=f"P{number}", name=f"P{number}", actor=build_system_actor("cli"), now=now)
    for count, since, until, seed in (
        (older, now - WINDOW - YEAR, now - WINDOW, 1),
        (recent, now - WINDOW + timedelta(hours=1), now, 2),
    ):
        for rows in draw(count, since=since, until=until, seed=seed):
            with database.transaction() as session:
                session.execute(insert(Prediction), rows)
    if not database.is_embedded:  # PostgreSQL does that by itself soon; nobody does it for SQLite.
        with database.transaction() as session:
            session.execute(text("ANALYZE predictions"))


def main() -> None:
    """Fill, read, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=400_000, help="Of the latest 30 days.")
    parser.add_argument("--older", type=int, default=0, help="Of the year before.")
    parser.add_argument("--database", default="", help="Address of an empty database.")
    chosen = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place)
        database = open_database(chosen.database or f"sqlite:///{folder / 'bugflow.db'}")
        upgrade_schema(database)
        fill(database, chosen.predictions, chosen.older)
        asking = Asking(database, folder)
        for what, gauges in (("figures", GAUGES), ("drift and alarms", COSTLY_GAUGES)):
            names = [name for name, *_ in gauges]
            taken = [asking.read(names) * 1000 for _ in range(ROUNDS)]
            print(f"{what}: median {np.median(taken):.0f} ms, longest {max(taken):.0f} ms", flush=True)
        database.dispose()


if __name__ == "__main__":
    main()
