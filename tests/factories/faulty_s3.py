"""S3 behind a proxy that can be told to fail: to refuse, wait, break off, lose or damage what it passes on."""

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

import boto3
import pytest

from bugflow.core.storage import Storage, open_storage

Kind = Literal["error", "slow", "lost", "damaged", "cut", "held", "unanswered"]
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})
LOST = b"<Error><Code>NoSuchKey</Code><Message>It is gone.</Message></Error>"
LONGEST_SECONDS = 60.0


@dataclass
class Fault:
    """What goes wrong with requests of this method whose address contains these words; afterwards `met` is set.

    `error` answers 500, `slow` waits a moment, `lost` answers 404, `damaged` changes a byte, `cut` breaks off in the
    middle of the answer. `held` passes nothing on until it is released, and then only if somebody still waits;
    `unanswered` passes on and keeps the answer.
    """

    kind: Kind
    method: str
    words: str = ""
    met: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class FaultyS3:
    """A proxy before an S3 server, with one fault at a time."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.fault: Fault | None = None
        self.connections: set[socket.socket] = set()
        self._server = self._listen(0)
        self.port: int = self._server.server_address[1]

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def refuse(self) -> None:
        """Listen no longer: connections are refused, and those that are open end."""
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def recover(self) -> None:
        """Listen again at the same address."""
        self._server = self._listen(self.port)

    @contextmanager
    def failing(self, kind: Kind, method: str, words: str = "") -> Iterator[Fault]:
        """Fail like that until the block ends."""
        self.fault = made = Fault(kind, method, words)
        try:
            yield made
        finally:
            self.fault = None
            made.released.set()

    def find_fault(self, method: str, path: str) -> Fault | None:
        """Return what goes wrong with a request, which has then met it."""
        fault = self.fault
        if fault is None or fault.method != method or fault.words not in path:
            return None
        fault.met.set()
        return fault

    def _listen(self, port: int) -> ThreadingHTTPServer:
        outer = self

        class Handler(_Handler):
            proxy = outer

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server


class _Handler(BaseHTTPRequestHandler):
    """Passes one request on, with what goes wrong."""

    protocol_version = "HTTP/1.1"
    proxy: FaultyS3

    def setup(self) -> None:
        """Note the connection."""
        super().setup()
        self.proxy.connections.add(self.connection)

    def finish(self) -> None:
        """Note its end."""
        self.proxy.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- The library's name.
        """Print nothing."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.find_fault(self.command, self.path)
        kind = None if fault is None else fault.kind
        if kind == "error":
            self._answer(500, {}, b"")
            return
        if kind == "lost":
            self._answer(404, {"Content-Type": "application/xml"}, LOST)
            return
        if fault is not None and kind in {"slow", "held"}:
            fault.released.wait(0.3 if kind == "slow" else LONGEST_SECONDS)
            if self._is_gone():
                self.close_connection = True
                return
        status, headers, content = self._ask(body)
        if kind == "damaged":
            content = bytes([content[0] ^ 1]) + content[1:]
        if fault is not None and kind == "unanswered":
            fault.released.wait(LONGEST_SECONDS)
            self.close_connection = True
            return
        self._answer(status, headers, content, cut=kind == "cut")

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _pass_on  # noqa: N815 -- The library's names.

    def _is_gone(self) -> bool:
        """Whether whoever asked has ended: nothing of theirs is passed on any more."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.proxy.target.netloc, timeout=30)
        try:
            connection.request(self.command, self.path, body=body, headers=dict(self.headers))
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP}
            if self.command == "HEAD":
                kept["Content-Length"] = answer.getheader("Content-Length") or "0"
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], content: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.close_connection = self.close_connection or cut


@contextmanager
def serve_faulty_s3(target: str) -> Iterator[FaultyS3]:
    """Stand before an S3 server until the block ends."""
    proxy = FaultyS3(target)
    try:
        yield proxy
    finally:
        if proxy.fault is not None:
            proxy.fault.released.set()
        proxy.refuse()


def make_bucket(target: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a new bucket."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    bucket = f"bugflow-{uuid4().hex}"
    boto3.client("s3", endpoint_url=target, region_name="us-east-1").create_bucket(Bucket=bucket)
    return bucket


def write_address(proxy: FaultyS3, bucket: str) -> str:
    """Return the address of a bucket as BugFlow takes it."""
    return f"s3://{bucket}/some/prefix?endpoint={proxy.address}&region=us-east-1"


def open_faulty(proxy: FaultyS3, bucket: str) -> Storage:
    """Return the storage in a bucket behind the proxy."""
    return open_storage(write_address(proxy, bucket))
