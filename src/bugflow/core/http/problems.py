"""Errors as RFC 9457 problem details: one table from kind to answer."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException

from bugflow.core.errors import (
    BugFlowError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)

log = structlog.get_logger()

STATUS_OF_KIND: dict[type[BugFlowError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    ForbiddenError: HTTPStatus.FORBIDDEN,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
}


class UnauthenticatedError(ForbiddenError):
    """Nobody is signed in, or the token is not good (any more): answered by 401."""


class TooManyRequestsError(UnavailableError):
    """Too many requests in too short a time: answered by 429."""


class BodyTooLargeError(InvalidError):
    """The request's body is larger than allowed: answered by 413."""


SPECIAL: dict[type[BugFlowError], HTTPStatus] = {
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    TooManyRequestsError: HTTPStatus.TOO_MANY_REQUESTS,
    BodyTooLargeError: HTTPStatus.CONTENT_TOO_LARGE if hasattr(HTTPStatus, "CONTENT_TOO_LARGE") else HTTPStatus(413),
}


def status_of(error: BugFlowError) -> HTTPStatus:
    """Return the HTTP status that answers an error."""
    for kind, status in (SPECIAL | STATUS_OF_KIND).items():
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def build_problem(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: Any,  # noqa: ANN401 -- JSON.
) -> JSONResponse:
    """Return an answer of type application/problem+json."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(
        content | members,
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/problem+json",
    )


def answer_error(error: BugFlowError) -> JSONResponse:
    """Return the problem details of one of our errors."""
    headers: dict[str, str] = {}
    members: dict[str, Any] = {}
    if isinstance(error, UnavailableError):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, InvalidError) and error.fields:
        members["errors"] = [{"field": each.field, "problem": each.problem} for each in error.fields]
    if (version := getattr(error, "current_version", None)) is not None:
        members["current_version"] = version
    return build_problem(status_of(error), str(error), headers=headers, **members)


def answer_validation(error: RequestValidationError) -> JSONResponse:
    """Return what is wrong with the input, field by field; the input itself is not repeated."""
    problems = []
    for each in error.errors():
        place = [str(part) for part in each["loc"] if part not in {"body", "query", "path", "header"}]
        problems.append({"field": ".".join(place) or str(each["loc"][0]), "problem": each["msg"]})
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    detail = f"The request is not valid: {first['field']}: {first['problem']}{more}."
    return build_problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=problems)


def answer_database_error(error: Exception) -> JSONResponse:
    """Return why the database did not do it, as far as a client can act on it."""
    text = str(getattr(error, "orig", error)).lower()
    if isinstance(error, IntegrityError | StaleDataError):
        detail = "Somebody else changed the same thing at the same time. Read it again and repeat your change."
        return build_problem(HTTPStatus.CONFLICT, detail)
    if isinstance(error, DataError) or "too large to convert" in text:
        return build_problem(HTTPStatus.UNPROCESSABLE_ENTITY, "A value is outside what the database can hold.")
    if "disk is full" in text or "no space" in text:
        detail = "The server's disk is full; nothing was stored. Tell an administrator."
        return build_problem(HTTPStatus.INSUFFICIENT_STORAGE, detail)
    log.error("database_unavailable", error=text[:500])
    detail = "The database does not answer now; nothing was stored. Try again in a moment."
    return build_problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "5"})


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error of the application by problem details."""

    async def ours(_: Request, error: Exception) -> JSONResponse:
        return answer_error(error) if isinstance(error, BugFlowError) else answer_unexpected(error)

    async def validation(_: Request, error: Exception) -> JSONResponse:
        return answer_validation(error) if isinstance(error, RequestValidationError) else answer_unexpected(error)

    async def http(request: Request, error: Exception) -> JSONResponse:
        if not isinstance(error, HTTPException):
            return answer_unexpected(error)
        detail = str(error.detail)
        if error.status_code == HTTPStatus.NOT_FOUND and detail == "Not Found":
            detail = f"There is nothing at {request.url.path}. The API is described at /docs."
        return build_problem(error.status_code, detail, headers=error.headers)

    async def database(_: Request, error: Exception) -> JSONResponse:
        return answer_database_error(error)

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        return answer_unexpected(error)

    app.add_exception_handler(BugFlowError, ours)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    for kind in (OperationalError, PoolTimeoutError, IntegrityError, StaleDataError, DataError, OverflowError):
        app.add_exception_handler(kind, database)
    app.add_exception_handler(Exception, unexpected)


def answer_unexpected(error: Exception) -> JSONResponse:
    """Return the answer to a mistake of ours; the log has the trace, the client gets none of it."""
    log.error("unexpected_error", exc_info=error)
    detail = "BugFlow made a mistake; nothing was stored. An administrator finds the details in the server's log."
    return build_problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
