"""Requests, jobs and the database measured, and /metrics to read it."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request, Response
from sqlalchemy import func, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bugflow.core.database import Database
from bugflow.core.http.routes import Router, route_template
from bugflow.core.jobs.tables import JobRun, OutboxEvent
from bugflow.core.metrics import CONTENT_TYPE, Metrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

router = Router(tags=["operation"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def read_metrics(request: Request) -> Response:
    """Read what was measured, in Prometheus' text format."""
    metrics = cast("Metrics", request.app.state.metrics)
    return Response(metrics.render(), headers={"Content-Type": CONTENT_TYPE})


class MetricsMiddleware:
    """Measures every request by its route's template."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and measure it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            self._metrics.observe_request(
                method=scope["method"] if scope["method"] in METHODS else "other",
                route=route_template(scope),
                status=status,
                seconds=time.perf_counter() - started,
            )


def install_metrics(app: FastAPI, database: Database) -> None:
    """Measure an application and its database, and serve /metrics. Call it before the application starts."""
    metrics = Metrics()
    metrics.observe_engine(database.engine)
    metrics.watch("bugflow_jobs", "Background jobs.", label="state", read=lambda: count_jobs(database))
    app.state.metrics = metrics
    app.add_middleware(MetricsMiddleware, metrics=metrics)
    app.include_router(router)


def count_jobs(database: Database) -> Mapping[str, float]:
    """Return how many jobs are in each state, and as `waiting_events` how many events have started none yet."""
    with database.snapshot() as session:
        counts = session.execute(select(JobRun.state, func.count()).group_by(JobRun.state)).all()
        waiting = session.scalar(select(func.count()).where(OutboxEvent.dispatched_at.is_(None)))
    return {state: float(count) for state, count in counts} | {"waiting_events": float(waiting or 0)}
