"""One log line per request, an id that joins it to the answer, and an answer to what nobody else caught."""

import re
import secrets
import time
from http import HTTPStatus

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bugflow.core.http.problems import answer_problem, describe_unexpected
from bugflow.core.http.rate_limit import Usage
from bugflow.core.http.routes import route_template

log = structlog.get_logger()

REQUEST_ID_HEADER = "X-Request-ID"
ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET_PATHS = frozenset({"/health", "/metrics"})


class RequestLogMiddleware:
    """Logs every request; the address's query is left out, since it may hold what people search for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with an id that every log line of it has."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = _choose_id(scope)
        with structlog.contextvars.bound_contextvars(request_id=state["request_id"]):
            await self._run(scope, receive, send)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, scope)
            await send(message)

        try:
            await self._app(scope, receive, send_marked)
        except Exception as error:
            problem = describe_unexpected(error)
            if status:
                raise  # The answer has begun, so only ending the connection tells the client.
            answer = await answer_problem(Request(scope), problem)
            await answer(scope, receive, send_marked)
        finally:
            _log_request(scope, status or HTTPStatus.INTERNAL_SERVER_ERROR, time.perf_counter() - started)


def _choose_id(scope: Scope) -> str:
    given = dict(scope["headers"]).get(REQUEST_ID_HEADER.lower().encode(), b"").decode("latin-1")
    return given if ACCEPTABLE_ID.fullmatch(given) else secrets.token_hex(8)


def _add_headers(message: Message, scope: Scope) -> None:
    headers = MutableHeaders(scope=message)
    headers[REQUEST_ID_HEADER] = scope["state"]["request_id"]
    usage = scope["state"].get("rate_limit")
    if isinstance(usage, Usage):
        headers.update(usage.to_headers())


def _log_request(scope: Scope, status: int, seconds: float) -> None:
    write = log.debug if scope["path"] in QUIET_PATHS else log.info
    write(
        "request",
        method=scope["method"],
        path=scope["path"],
        route=route_template(scope),
        status=int(status),
        duration_ms=round(seconds * 1000, 1),
        user=scope["state"].get("user_number"),
        address=scope["client"][0] if scope.get("client") else None,
    )
