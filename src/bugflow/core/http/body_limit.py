"""Refusing bodies that are too large, by their announced length and while they arrive, or that cannot be read."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bugflow.core.errors import TooLargeError
from bugflow.core.http.problems import Problem, answer_problem, describe_error

LONGEST_LENGTH_DIGITS = 18


class BodyLimitMiddleware:
    """Answers 413 for a body beyond the limit; paths that take files have a limit of their own.

    `other_limits` are limits in bytes by the end of the path, for what is neither a small body nor an attachment.
    Where `answering` fits the whole path, the application answers itself to a body that is announced as too large: it
    finds the error by `find_refusal`, and an empty body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        max_upload_bytes: int,
        upload_suffixes: tuple[str, ...],
        other_limits: Mapping[str, int] | None = None,
        answering: re.Pattern[str] | None = None,
    ) -> None:
        self._app = app
        self._answering = answering
        self._max_bytes = max_bytes
        self._limits = dict.fromkeys(upload_suffixes, max_upload_bytes) | dict(other_limits or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its body is too large or cannot be read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope["path"])
        try:
            _check_headers(dict(scope["headers"]), limit)
        except TooLargeError as error:
            if self._answering is not None and self._answering.fullmatch(scope["path"]):
                scope.setdefault("state", {})["refusal"] = error
                await self._app(scope, _receive_nothing, send)
                return
            await _answer(describe_error(error), scope, receive, send)
            return
        except _HeaderError as error:
            await _answer(error.problem, scope, receive, send)
            return
        await _CountedBody(limit, receive, send).run(self._app, scope)

    def _limit_of(self, path: str) -> int:
        limits = (limit for suffix, limit in self._limits.items() if path.endswith(suffix))
        return next(limits, self._max_bytes)


class _CountedBody:
    """Counts a body as it arrives.

    Past the limit the application sees a lost connection, and the client gets 413 whatever the application then says.
    """

    def __init__(self, limit: int, receive: Receive, send: Send) -> None:
        self._limit = limit
        self._receive_message = receive
        self._send_message = send
        self._arrived = 0
        self._answered = False

    @property
    def _exceeded(self) -> bool:
        return self._arrived > self._limit

    async def run(self, app: ASGIApp, scope: Scope) -> None:
        try:
            await app(scope, self._receive, self._send)
        except Exception:
            if not self._exceeded:
                raise
        if self._exceeded and not self._answered:
            problem = describe_error(_build_too_large(self._limit))
            await _answer(problem, scope, self._receive_message, self._send_message)

    async def _receive(self) -> Message:
        message = await self._receive_message()
        self._arrived += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self._exceeded else message

    async def _send(self, message: Message) -> None:
        if self._exceeded and not self._answered:
            return
        self._answered = True
        await self._send_message(message)


def find_refusal(request: Request) -> TooLargeError | None:
    """Return why the body of a request was not taken."""
    refusal = getattr(request.state, "refusal", None)
    return refusal if isinstance(refusal, TooLargeError) else None


class _HeaderError(Exception):
    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(status, detail)


async def _receive_nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _answer(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    answer = await answer_problem(Request(scope), problem)
    await answer(scope, receive, send)


def _check_headers(headers: Mapping[bytes, bytes], limit: int) -> None:
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > LONGEST_LENGTH_DIGITS:
        detail = "The header Content-Length must be the number of bytes of the body."
        raise _HeaderError(HTTPStatus.BAD_REQUEST, detail)
    if int(length) > limit:
        raise _build_too_large(limit)
    if headers.get(b"content-encoding", b"identity").lower() not in {b"", b"identity"}:
        detail = "Compressed bodies are not taken. Send the body without Content-Encoding."
        raise _HeaderError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def _build_too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"The request's body is larger than {limit:,} bytes. Send less.")
