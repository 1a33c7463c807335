"""Errors as answers: one table from kind to status, RFC 9457 problem details for programs, pages for people."""

import errno
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from http.client import responses as STATUS_PHRASES  # noqa: N812 -- A constant.
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from bugflow.core.errors import (
    BugFlowError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    StaleError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
)
from bugflow.core.http.validation import describe_field

log = structlog.get_logger()

PROBLEM_TYPE = "application/problem+json"
DISK_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
RETRY_SECONDS = 5
MISTAKES_OF_OURS = ("no such table", "no such column")


STATUS_OF_KIND: dict[type[BugFlowError], int] = {
    UnauthenticatedError: 401,
    TooManyRequestsError: 429,
    TooLargeError: 413,
    NotFoundError: 404,
    ConflictError: 409,
    ForbiddenError: 403,
    InvalidError: 422,
    UnavailableError: 503,
}
"""The first kind that fits answers."""

DETAIL_OF_STATUS = {
    400: "The body cannot be read. Send JSON or a form, encoded in UTF-8.",
    404: "There is nothing at {path}. The API is described at /docs.",
    405: "{path} does not take {method}. The API is described at /docs.",
}
"""In place of the framework's own words."""

FRAMEWORK_WORDS = frozenset({"Not Found", "Method Not Allowed", "There was an error parsing the body"})


@dataclass(frozen=True)
class Problem:
    """An error as it is answered; `members` are extra fields of the problem details."""

    status: int
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The status in words."""
        return STATUS_PHRASES.get(self.status, "Error")


class FieldProblemRead(BaseModel):
    """What is wrong with one field."""

    field: str = Field(description="Where it is, such as `title` or `labels.3`.")
    problem: str = Field(description="What to do, in a sentence.")
    type: str = Field(description="What kind of problem, for programs: `missing`, `string_too_long`, `value_error` …")


class ProblemRead(BaseModel):
    """Problem details (RFC 9457): what happened, and what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblemRead] = Field(default_factory=list, description="Field by field, where input is wrong.")
    current_version: int | None = Field(default=None, description="Where the edited version is stale.")
    request_id: str | None = Field(default=None, description="Where the server made a mistake: what its log has.")


ProblemPage = Callable[[Request, Problem], Response]


async def answer_problem(request: Request, problem: Problem) -> Response:
    """Return the answer: a page where one is installed and the client asks for HTML, problem details otherwise."""
    page: ProblemPage | None = getattr(request.app.state, "problem_page", None)
    if page is not None and "text/html" in request.headers.get("accept", ""):
        return await run_in_threadpool(page, request, problem)  # It may ask the database who reads it.
    members = dict(problem.members)
    request_id = getattr(request.state, "request_id", None)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and request_id is not None:
        members["request_id"] = request_id
    content = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
    return JSONResponse(
        content | members,
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type=PROBLEM_TYPE,
    )


def describe_error(error: BugFlowError) -> Problem:
    """Describe one of our errors."""
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, InvalidError) and error.fields:
        members["errors"] = [asdict(each) for each in error.fields]
    if isinstance(error, StaleError):
        members["current_version"] = error.current_version
    status = next((status for kind, status in STATUS_OF_KIND.items() if isinstance(error, kind)), 500)
    return Problem(status, str(error), headers, members)


def describe_validation(error: RequestValidationError) -> Problem:
    """Describe what is wrong with the input, field by field; the input itself is not repeated."""
    problems = [describe_field(each) for each in error.errors()]
    first = problems[0]
    detail = f"The request is not valid. {first.field}: {first.problem}{_count_more(len(problems) - 1)}"
    members = {"errors": [asdict(each) for each in problems]}
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, members=members)


def _count_more(count: int) -> str:
    if count == 0:
        return ""
    return " There is 1 more problem." if count == 1 else f" There are {count} more problems."


def describe_http_error(error: HTTPException, request: Request) -> Problem:
    """Describe an error of the framework in our words."""
    detail = str(error.detail)
    if detail in FRAMEWORK_WORDS:
        detail = DETAIL_OF_STATUS[error.status_code].format(path=request.url.path, method=request.method)
    return Problem(error.status_code, detail, error.headers or {})


def describe_database_error(error: Exception) -> Problem:
    """Describe why the database did not do it, as far as a client can act on it."""
    text = str(getattr(error, "orig", None) or error).lower()
    if isinstance(error, IntegrityError | StaleDataError):
        detail = "Somebody else changed the same thing at the same time. Read it again and repeat your change."
        return Problem(HTTPStatus.CONFLICT, detail)
    if isinstance(error, DataError):
        return _describe_impossible_value()
    if "disk is full" in text or "no space" in text:
        return _describe_full_disk()
    if any(words in text for words in MISTAKES_OF_OURS):
        return describe_unexpected(error)
    log.error("database_unavailable", error=text[:500])
    detail = "The database does not answer now; nothing was stored. Try again in a moment."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(RETRY_SECONDS)})


def describe_overflow(error: OverflowError) -> Problem:
    """Describe a number that the database cannot hold; any other overflow is a mistake of ours."""
    return _describe_impossible_value() if "too large to convert" in str(error) else describe_unexpected(error)


def describe_system_error(error: OSError) -> Problem:
    """Describe a full disk; any other failure of the system is unexpected."""
    return _describe_full_disk() if error.errno in DISK_IS_FULL else describe_unexpected(error)


def describe_unexpected(error: Exception) -> Problem:
    """Describe a mistake of ours: the log has the trace, the client gets none of it."""
    log.error("unexpected_error", exc_info=error)
    detail = (
        "BugFlow made a mistake; nothing was stored. "
        "An administrator finds the details in the server's log under the request's id."
    )
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def _describe_impossible_value() -> Problem:
    detail = "A value is outside what the database can hold: a number too large, or text with a NUL character."
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def _describe_full_disk() -> Problem:
    log.error("disk_full")
    detail = "The server's disk is full; nothing was stored. Tell an administrator."
    return Problem(HTTPStatus.INSUFFICIENT_STORAGE, detail)


def _describe_disconnect(_: ClientDisconnect) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "The connection ended before the whole body had arrived.")


DESCRIPTIONS: dict[type[Exception], Callable[[Any], Problem]] = {
    BugFlowError: describe_error,
    RequestValidationError: describe_validation,
    ClientDisconnect: _describe_disconnect,
    OperationalError: describe_database_error,
    InterfaceError: describe_database_error,
    PoolTimeoutError: describe_database_error,
    IntegrityError: describe_database_error,
    StaleDataError: describe_database_error,
    DataError: describe_database_error,
    OverflowError: describe_overflow,
    OSError: describe_system_error,
    Exception: describe_unexpected,
}


def install_problem_handlers(app: FastAPI, page: ProblemPage | None = None) -> None:
    """Answer every error of the application; with a `page`, clients that ask for HTML get that instead."""
    app.state.problem_page = page
    for kind, describe in DESCRIPTIONS.items():
        app.add_exception_handler(kind, _build_handler(describe))

    async def answer_http_error(request: Request, error: Exception) -> Response:
        known = error if isinstance(error, HTTPException) else HTTPException(500)
        return await answer_problem(request, describe_http_error(known, request))

    app.add_exception_handler(HTTPException, answer_http_error)


def _build_handler(describe: Callable[[Any], Problem]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(request: Request, error: Exception) -> Response:
        return await answer_problem(request, describe(error))

    return handle
