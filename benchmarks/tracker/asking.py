"""A client with little cost of its own, so that the server is what is measured."""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Request = tuple[str, str, dict[str, Any] | None]
"""Method, path and JSON body."""


@dataclass(frozen=True)
class Times:
    """How long requests of one kind took, in milliseconds."""

    name: str
    p50: float
    p95: float
    slowest: float


class Client:
    """One keep-alive connection with an access token or a browser's cookie."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = headers

    def ask(self, request: Request) -> tuple[int, bytes]:
        """Return status and body of an answer; a connection that the server has closed meanwhile is opened again."""
        try:
            return self._ask(request)
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            self._connection.close()
            return self._ask(request)

    def _ask(self, request: Request) -> tuple[int, bytes]:
        method, path, body = request
        content = None if body is None else json.dumps(body)
        headers = self._headers if content is None else self._headers | {"Content-Type": "application/json"}
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def measure(name: str, client: Client, make: Callable[[int], Request], *, repeats: int, warm_up: int = 10) -> Times:
    """Ask so often, each time for something else, and return the times."""
    taken = []
    for number in range(-warm_up, repeats):
        request = make(number % repeats)
        started = time.perf_counter()
        status, body = client.ask(request)
        passed = (time.perf_counter() - started) * 1000
        if status >= 400:  # noqa: PLR2004 -- HTTP.
            raise SystemExit(f"{request[:2]} was answered by {status}: {body[:500]!r}")
        if number >= 0:
            taken.append(passed)
    percentiles = statistics.quantiles(taken, n=100)
    return Times(name, statistics.median(taken), percentiles[94], max(taken))


def measure_throughput(
    clients: Sequence[Client], make: Callable[[int], Request], *, seconds: float
) -> tuple[float, float]:
    """Ask from all clients at once for so long; return answers a second and the 95th percentile in milliseconds."""
    end = time.perf_counter() + seconds
    taken: list[list[float]] = [[] for _ in clients]

    def ask(index: int, client: Client) -> None:
        number = index
        while time.perf_counter() < end:
            started = time.perf_counter()
            status, _ = client.ask(make(number))
            if status == 200:  # noqa: PLR2004 -- HTTP.
                taken[index].append((time.perf_counter() - started) * 1000)
            number += len(clients)

    threads = [threading.Thread(target=ask, args=each) for each in enumerate(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [each for one in taken for each in one]
    return len(everything) / (time.perf_counter() - started), statistics.quantiles(everything, n=100)[94]


def search_for(query: str, path: str = "/api/v1/issues") -> Request:
    """Return the request of a list."""
    return "GET", f"{path}?q={quote(query)}", None
