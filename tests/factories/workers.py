"""The product's own worker processes, by both kinds of runner: embedded, and Celery on Redis."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from factories.runners import BROKERS, delete_queue

KINDS = ("embedded", "redis")


@contextmanager
def choose_runner(kind: str) -> Iterator[dict[str, str]]:
    """Give the settings that make it this kind of runner, with a queue of its own that is gone afterwards."""
    if kind == "embedded":
        yield {}
        return
    queue = f"bugflow_test_{uuid4().hex}"
    try:
        yield {"BROKER_URL": BROKERS[kind], "BROKER_QUEUE": queue}
    finally:
        delete_queue(BROKERS[kind], queue)


def build_environment(database_url: str, home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker of an installation without encoder and starter models."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    used = {
        "HOME": str(home),
        "SECRET_KEY": "a-secret-of-the-tests-that-is-long-enough",
        "DATABASE_URL": database_url,
        "ENCODER": "nobody/has-this",
        "STARTER_MODELS": "false",
        "JOB_POLL_SECONDS": "0.05",
        "JOB_LEASE_SECONDS": "5",
        **settings,
    }
    return plain | {f"BUGFLOW_{name}": value for name, value in used.items()} | {"C_FORCE_ROOT": "1"}


@contextmanager
def run_worker(environment: Mapping[str, str], *options: str) -> Iterator[int]:
    """Run the product's worker; kill it and all its processes at once at the end."""
    command = [sys.executable, "-m", "bugflow", "worker", *options]
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:  # noqa: S603 -- Ours.
        try:
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)
