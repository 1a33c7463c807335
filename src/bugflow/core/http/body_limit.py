"""Refusing bodies that are too large, by their announced length and while they arrive."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bugflow.core.http.problems import BodyTooLargeError, answer_error


class BodyLimitMiddleware:
    """Answers 413 for a body beyond the limit; paths that take files have a limit of their own."""

    def __init__(
        self, app: ASGIApp, *, max_bytes: int, max_upload_bytes: int, upload_suffixes: tuple[str, ...]
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_upload_bytes = max_upload_bytes
        self._upload_suffixes = upload_suffixes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless its body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_upload_bytes if scope["path"].endswith(self._upload_suffixes) else self._max_bytes
        error = BodyTooLargeError(f"The request's body is larger than {limit:,} bytes. Send less.")
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > limit:
            await answer_error(error)(scope, receive, send)
            return
        arrived = 0

        async def receive_counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > limit:
                raise error
            return message

        await self._app(scope, receive_counted, send)
