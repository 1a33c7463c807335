"""Measure the tracker on a large database: python benchmarks/tracker/serving.py --help.

Builds the database once (in --home), starts the server as an installation would, with two processes, and asks.
"""

import argparse
import json
import os
import platform
import random
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from asking import Client, Request, Times, measure, measure_throughput, search_for
from building import NOW, PASSWORD, SEED, TECHNICAL, Prose, Size, build_database
from queries import measure_queries

from bugflow.core.database import open_database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.migrations import upgrade_schema

SERVER_PROCESSES = 2
CLIENTS = 20
TARGET_MS = 50.0
OTHERS: dict[str, tuple[str, str]] = {
    "page: list": ("96/104", "186/192"),
    "page: filter": ("49/69", "128/133"),
    "page: search": ("174/464", "425/587"),
    "page: issue": ("14/23", "54/78"),
    "create": ("436/480", "27/31"),
}
"""Pages of Roundup 2.6 and Trac 1.6, 100,000 issues, SQLite, two workers, one client, a like machine: p50/p95 ms."""


def main() -> None:
    """Build, serve, ask, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("/tmp/bugflow-benchmark"))  # noqa: S108 -- Reused on purpose.
    parser.add_argument("--issues", type=int, default=100_000)
    parser.add_argument("--comments", type=int, default=300_000)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--out", type=Path, help="Write the table to this file, too.")
    arguments = parser.parse_args()
    size = Size(arguments.issues, arguments.comments)
    home = arguments.home / f"{size.issues}-{size.comments}"
    built = prepare(home, size)
    lines = [describe_machine(size, built)]
    with serve(home) as (port, ready_seconds):
        lines += measure_http(port, size, arguments.repeats)
        lines.append(f"\nServer ready in {ready_seconds:.1f} s.")
    lines += measure_queries(f"sqlite:///{home / 'bugflow.db'}")
    report = "\n".join(lines) + "\n"
    print(report)
    if arguments.out:
        arguments.out.write_text(report, encoding="utf-8")


def prepare(home: Path, size: Size) -> str:
    """Build the database unless a former run has."""
    done = home / "built.txt"
    if done.exists():
        return done.read_text(encoding="utf-8")
    home.mkdir(parents=True, exist_ok=True)
    for old in home.glob("bugflow.db*"):
        old.unlink()
    started = time.perf_counter()
    database = open_database(f"sqlite:///{home / 'bugflow.db'}")
    upgrade_schema(database)
    build_database(database, size, PasswordHasher(time_cost=1, memory_kib=1024))
    database.dispose()
    text = f"built in {time.perf_counter() - started:.0f} s, {(home / 'bugflow.db').stat().st_size / 1e6:,.0f} MB"
    done.write_text(text, encoding="utf-8")
    return text


@contextmanager
def serve(home: Path) -> Iterator[tuple[int, float]]:
    """Run the server until the block ends; gives its port and how long it took until it answered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = os.environ | {
        "BUGFLOW_HOME": str(home),
        "BUGFLOW_SECRET_KEY": secrets.token_urlsafe(48),
        "BUGFLOW_WEB_PROCESSES": str(SERVER_PROCESSES),
        "BUGFLOW_RATE_LIMIT_PER_MINUTE": "10000000",
        "BUGFLOW_PAGE_LIMIT_PER_MINUTE": "10000000",
        "BUGFLOW_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "bugflow", "serve", "--port", str(port)]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment)  # noqa: S603 -- Our own command.
    try:
        yield port, wait_until_ready(port, started)
    finally:
        process.terminate()
        process.wait(60)


def wait_until_ready(port: int, started: float) -> float:
    """Return the seconds until the server answered."""
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return time.perf_counter() - started
        except OSError:
            if time.perf_counter() - started > 60:  # noqa: PLR2004 -- A minute.
                raise
            time.sleep(0.02)


def sign_in(port: int) -> dict[str, str]:
    """Return the headers of a signed-in project manager, for the API and for pages."""
    body = {"username": "user3@example.com", "password": PASSWORD}
    _, answer = Client(port, {}).ask(("POST", "/token", body))
    form = urlencode({"email": body["username"], "password": PASSWORD}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/sign-in", data=form)
    opener = urllib.request.build_opener(KeepCookies)
    with opener.open(request, timeout=10) as page:
        cookie = page.headers["Set-Cookie"].split(";")[0]
    return {"Authorization": f"Bearer {json.loads(answer)['access_token']}", "Cookie": cookie}


class KeepCookies(urllib.request.HTTPRedirectHandler):
    """Leaves a redirection as the answer, so that its cookie can be read."""

    def http_error_303(self, _request: object, answer: Any, *_: object) -> Any:  # noqa: ANN401 -- urllib's.
        """Return the answer as it is."""
        return answer


def build_requests(size: Size) -> dict[str, Callable[[int], Request]]:
    """Return what is asked, by name; each number asks for something else."""
    chance = random.Random(SEED + 1)
    prose = Prose(random.Random(SEED))
    words = [prose.write(1, 2) for _ in range(500)]
    numbers = [chance.randint(1, size.issues) for _ in range(500)]
    filters = [
        f"is:open team:{chance.choice(('Backend', 'Frontend', 'Mobile', 'DevOps'))} "
        f"severity:{chance.choice(('low', 'medium', 'high', 'critical'))} project:P{chance.randint(1, 10)}"
        for _ in range(500)
    ]
    hardest = [f"{chance.choice(TECHNICAL)} is:open" for _ in range(500)]
    return {
        "list": lambda each: search_for("is:open" if each % 2 else ""),
        "filter": lambda each: search_for(filters[each]),
        "search": lambda each: search_for(words[each]),
        "search, common word and filter": lambda each: search_for(hardest[each]),
        "board": lambda each: search_for(f"project:P{each % 10 + 1}", "/api/v1/board"),
        "board of everything": lambda _: search_for("", "/api/v1/board"),
        "issue": lambda each: ("GET", f"/api/v1/issues/{numbers[each]}", None),
        "comments of an issue": lambda each: ("GET", f"/api/v1/issues/{numbers[each]}/comments", None),
        "page: list": lambda each: search_for("is:open" if each % 2 else "", "/issues"),
        "page: filter": lambda each: search_for(filters[each], "/issues"),
        "page: search": lambda each: search_for(words[each], "/issues"),
        "page: issue": lambda each: ("GET", f"/issues/{numbers[each]}", None),
        "create": lambda each: (
            "POST",
            "/api/v1/issues",
            {"project": f"P{each % 10 + 1}", "title": words[each], "description": f"{words[each]} since {NOW:%A}"},
        ),
    }


def measure_http(port: int, size: Size, repeats: int) -> list[str]:
    """Return the table of times over HTTP, one client after the other, then many at once."""
    headers = sign_in(port)
    asked = build_requests(size)
    client = Client(port, headers)
    lines = [
        "\n| Over HTTP, one client | p50 ms | p95 ms | slowest | Roundup 2.6 | Trac 1.6 | p50 times faster |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [describe_times(measure(name, client, make, repeats=repeats)) for name, make in asked.items()]
    rate, p95 = measure_throughput(
        [Client(port, headers) for _ in range(CLIENTS)], lambda each: asked["list"](each % 500), seconds=10
    )
    lines.append(
        f"\nLists with {CLIENTS} clients: {rate:.0f} requests a second, p95 {p95:.0f} ms "
        "(Roundup 20, Trac 10 a second)."
    )
    return lines


def describe_times(times: Times) -> str:
    """Return a row of the table."""
    roundup, trac = OTHERS.get(times.name, ("", ""))
    faster = " / ".join(f"{float(other.split('/')[0]) / times.p50:.1f}" for other in (roundup, trac) if other)
    mark = "" if times.p95 < TARGET_MS else " (over 50)"
    cells = (times.name, f"{times.p50:.1f}", f"{times.p95:.1f}{mark}", f"{times.slowest:.0f}", roundup, trac, faster)
    return "| " + " | ".join(cells) + " |"


def describe_machine(size: Size, built: str) -> str:
    """Return what was measured, where and when."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 -- The git of whoever measures.
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return (
        f"# The tracker with {size.issues:,} issues and {size.comments:,} comments\n\n"
        f"`python benchmarks/tracker/serving.py --issues {size.issues} --comments {size.comments}`, "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit}, SQLite, {SERVER_PROCESSES} server processes, "
        f"{os.cpu_count()} cores of {cpu}, Python {platform.python_version()}; {built}."
    )


if __name__ == "__main__":
    main()
