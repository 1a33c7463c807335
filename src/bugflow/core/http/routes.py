"""Routes whose work is done in one thread, and which of them answered a request."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

UNMATCHED = "unmatched"
WRITES = "writes"
"""Marks, in a session's `info`, one whose work is to be committed."""


class OneThreadRoute(APIRoute):
    """A route whose endpoint commits where it works, instead of going through a thread for each of its steps.

    Each way through a thread costs a few tenths of a millisecond, and an answer may need four: opening the
    transaction, the work, checking the answer against its model, committing.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 -- FastAPI's.
        """Take what the framework's own route takes."""
        if not inspect.iscoroutinefunction(endpoint):
            endpoint = _work_in_one_thread(endpoint)
        super().__init__(path, endpoint, **options)


class Router(APIRouter):
    """FastAPI's router with routes that work in one thread each."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 -- FastAPI's.
        """Take what the framework's own router takes."""
        super().__init__(route_class=OneThreadRoute, **options)


def _work_in_one_thread(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    def work(values: dict[str, Any]) -> Any:  # noqa: ANN401 -- Whatever the endpoint answers.
        sessions = [value for value in values.values() if isinstance(value, Session)]
        try:
            answer = endpoint(**values)
            for session in sessions:
                finish_work(session)
            return answer
        finally:
            for session in sessions:
                session.close()

    @functools.wraps(endpoint)
    async def run(**values: Any) -> Any:  # noqa: ANN401 -- The same.
        return await run_in_threadpool(work, values)

    return run


def finish_work(session: Session) -> None:
    """Commit what a request's session has written; one that only reads has nothing to commit."""
    if session.info.get(WRITES) and session.in_transaction():
        session.commit()


def route_template(scope: Scope) -> str:
    """Return the path of the route with its parameters' names, or `unmatched`; known once it was routed."""
    included: Any = scope.get("fastapi", {}).get("effective_route_context")  # Has the prefixes of its routers.
    path = getattr(included, "path", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else UNMATCHED
