"""Measurements for Prometheus; each application has a registry of its own.

Several server processes write what they count into files of one folder, which the environment names, and each tells
what all have counted.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Engine, QueuePool, event
from sqlalchemy.exc import SQLAlchemyError

from bugflow.core.settings import METRICS_FOLDER_VARIABLE

log = structlog.get_logger()

CONTENT_TYPE = CONTENT_TYPE_LATEST
REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
PREDICTION_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
STATEMENT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)

Reading = Callable[[], Mapping[str, float]]


class Metrics:
    """What one application measures. Values that are elsewhere, such as in the database, are read when asked for."""

    def __init__(self) -> None:
        self._counted = CollectorRegistry()
        self._watched = CollectorRegistry()
        self._requests = Counter(
            "bugflow_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._counted,
        )
        self._request_seconds = Histogram(
            "bugflow_http_request_seconds",
            "How long requests took.",
            ["method", "route"],
            buckets=REQUEST_SECONDS,
            registry=self._counted,
        )
        self._statement_seconds = Histogram(
            "bugflow_database_statement_seconds",
            "How long SQL statements took.",
            buckets=STATEMENT_SECONDS,
            registry=self._counted,
        )
        self._predictions = Counter(
            "bugflow_predictions",
            "Fields of reports predicted.",
            ["target", "method", "band"],
            registry=self._counted,
        )
        self._prediction_seconds = Histogram(
            "bugflow_prediction_seconds",
            "How long the predictions about one report took.",
            buckets=PREDICTION_SECONDS,
            registry=self._counted,
        )

    def observe_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request; `route` is its template, not its path."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(method, route).observe(seconds)

    def observe_prediction(self, *, target: str, method: str, band: str) -> None:
        """Count what was predicted of one field: who spoke, and how sure."""
        self._predictions.labels(target, method, band).inc()

    def observe_predicting(self, *, seconds: float) -> None:
        """Measure the predictions about one report."""
        self._prediction_seconds.observe(seconds)

    def observe_engine(self, engine: Engine) -> None:
        """Measure every statement of an engine, and its pool."""

        def start(connection: Any, *_: object) -> None:  # noqa: ANN401 -- SQLAlchemy's hook.
            connection.info["bugflow_statement_started"] = time.perf_counter()

        def end(connection: Any, *_: object) -> None:  # noqa: ANN401 -- SQLAlchemy's hook.
            self._statement_seconds.observe(time.perf_counter() - connection.info["bugflow_statement_started"])

        event.listen(engine, "before_cursor_execute", start)
        event.listen(engine, "after_cursor_execute", end)
        pool = engine.pool
        if isinstance(pool, QueuePool):
            self.watch(
                "bugflow_database_connections",
                "Connections of this process.",
                label="state",
                read=lambda: {"in_use": float(pool.checkedout()), "idle": float(pool.checkedin())},
            )

    def watch(self, name: str, description: str, *, label: str, read: Reading) -> None:
        """Read a gauge, by values of one label, each time the measurements are asked for."""
        self._watched.register(_Watched(name, description, label, read))

    def render(self) -> bytes:
        """Return every measurement in Prometheus' text format: what all processes counted, what this one reads now."""
        counted = self._counted
        if METRICS_FOLDER_VARIABLE in os.environ:
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(self._watched)


class _Watched(Collector):
    """A gauge that is read when asked for; where reading fails, it is left out."""

    def __init__(self, name: str, description: str, label: str, read: Reading) -> None:
        self._name = name
        self._description = description
        self._label = label
        self._read = read

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the gauge without reading it."""
        yield GaugeMetricFamily(self._name, self._description, labels=[self._label])

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Read the gauge."""
        family = GaugeMetricFamily(self._name, self._description, labels=[self._label])
        try:
            for value, amount in self._read().items():
                family.add_metric([value], amount)
        except (SQLAlchemyError, OSError) as error:
            log.warning("metric_unreadable", metric=self._name, error=type(error).__name__)
        yield family
