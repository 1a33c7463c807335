"""Trainings that a running server is asked for, so that what they do to its answers can be measured."""

import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from asking import Client

STARTING_SECONDS, ENDING_SECONDS = 60.0, 900.0


class Load(Protocol):
    """What many users saw, in milliseconds."""

    p50: float
    p95: float
    p99: float
    requests: int
    failures: int


def measure_beside(client: Client, run: Callable[[], Load], rounds: int) -> str:
    """Let users ask in each round first calmly, then while the severity is learned; return a table of medians."""
    calm: list[Load] = []
    beside: list[Load] = []
    early = 0
    for number in range(rounds):
        calm.append(run())
        training = begin_training(client, seed=number)
        beside.append(run())
        early += read_training(client, training)["finished_at"] is not None
        wait(client, training, "finished_at", ENDING_SECONDS)
    return describe(calm, beside, early)


def begin_training(client: Client, *, seed: int) -> str:
    """Order a training, wait until it has begun, and return its UUID."""
    body = {"task": "severity", "then": "keep", "seed": seed}
    _, answer = client.ask(("POST", "/api/v1/models/trainings", body))
    ordered = json.loads(answer)
    if "id" not in ordered:
        raise SystemExit(f"The training was refused: {ordered}")
    training = str(ordered["id"])
    wait(client, training, "started_at", STARTING_SECONDS)
    return training


def read_training(client: Client, training: str) -> dict[str, Any]:
    """Return how far a training is."""
    _, answer = client.ask(("GET", f"/api/v1/models/trainings/{training}", None))
    found: dict[str, Any] = json.loads(answer)
    return found


def wait(client: Client, training: str, what: str, seconds: float) -> None:
    """Wait until a training has come to a moment."""
    deadline = time.monotonic() + seconds
    while read_training(client, training)[what] is None:
        if time.monotonic() > deadline:
            raise SystemExit(f"The training had no {what} after {seconds:.0f} s.")
        time.sleep(0.2)


def describe(calm: Sequence[Load], beside: Sequence[Load], early: int) -> str:
    """Return medians of the rounds, and how they compare."""
    lines = ["| median of the rounds | calm | beside a training | ratio |", "|---|---|---|---|"]
    for name in ("p50", "p95", "p99", "requests", "failures"):
        first, second = (statistics.median(getattr(each, name) for each in loads) for loads in (calm, beside))
        lines.append(f"| {name} | {first:.0f} | {second:.0f} | {second / max(first, 1e-9):.2f} |")
    lines.append(
        f"\n{early} of {len(beside)} trainings ended before the users did; load average {os.getloadavg()[0]:.1f}"
    )
    return "\n".join(lines)
