"""A real server process on the test's database, to be killed."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bugflow.core.clock import utc_now
from bugflow.core.database import open_database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user
from bugflow.tracker.projects.service import create_project
from factories.runners import wait_until

EMAIL, PASSWORD = "admin@example.com", "correct horse battery"

STARTING_SECONDS = 90.0
"""On a machine that does much else at the same time."""


@dataclass
class Server:
    """A server process, and a way to call it as the administrator."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    token: str = ""

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        """Return a client that is signed in."""
        if not self.token:
            answer = httpx.post(f"{self.address}/token", json={"username": EMAIL, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            self.token = answer.json()["access_token"]
        return httpx.Client(base_url=self.address, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def is_ready(self) -> bool:
        """Whether it answers."""
        assert self.process.poll() is None, "The server has ended."
        try:
            return httpx.get(f"{self.address}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def prepare_people(database_url: str) -> None:
    """Add an administrator and the project WEB."""
    database, system = open_database(database_url), build_system_actor("cli")
    hashed = PasswordHasher(time_cost=1, memory_kib=64).hash(PASSWORD)
    with database.transaction() as session:
        create_user(
            session, email=EMAIL, name="Admin", role=Role.ADMIN, password_hash=hashed, actor=system, now=utc_now()
        )
        create_project(session, key="WEB", name="WebApp", actor=system, now=utc_now())
    database.dispose()


@contextmanager
def run_server(home: Path, database_url: str, **settings: str) -> Iterator[Server]:
    """Serve until the test ends; SIGTERM it then if it still runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    values = {
        "HOME": str(home),
        "SECRET_KEY": "a-secret-of-the-tests-that-is-long-enough",
        "DATABASE_URL": database_url,
        "PASSWORD_HASH_TIME_COST": "1",
        "PASSWORD_HASH_MEMORY_KIB": "64",
        "RATE_LIMIT_PER_MINUTE": "100000",
        "JOB_POLL_SECONDS": "0.05",
        "STARTER_MODELS": "false",
        "PREDICTION_QUEUE_SECONDS": "20",
    } | settings
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    environment = plain | {f"BUGFLOW_{name}": value for name, value in values.items()}
    command = [sys.executable, "-m", "bugflow", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 -- Ours.
    server = Server(home, port, process)
    try:
        wait_until(server.is_ready, STARTING_SECONDS)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def children_of(pid: int) -> list[int]:
    """Return the numbers of a process's children."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] or [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except FileNotFoundError:
        return False
