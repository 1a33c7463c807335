"""Measure `POST /predict`: PYTHONPATH=benchmarks/tracker python benchmarks/triage/serving.py --help.

Builds a database once (in --home), publishes the models of --models there, starts the server as an installation would,
asks alone, then lets Locust be many users who are all active at once.
"""

import argparse
import json
import os
import platform
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from asking import Client, measure
from building import PASSWORD, Size, build_database

from bugflow.core.clock import utc_now
from bugflow.core.database import open_database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.storage import open_storage
from bugflow.migrations import upgrade_schema
from bugflow.mlops.promotion.service import use_model
from bugflow.mlops.registry.store import publish_model
from bugflow.mlops.registry.versions import MODEL_TYPES
from bugflow.tracker.accounts.actor import build_system_actor

TARGET_MS, TARGET_ALONE_MS, TARGET_MB = 100.0, 20.0, 500.0
QUESTIONS = 3000
LOADING_SECONDS = 300.0


@dataclass
class Load:
    """What Locust saw, in milliseconds, and what the server used meanwhile."""

    requests: int
    failures: int
    p50: float
    p95: float
    p99: float
    by_models: float
    cpu_ms_each: float
    megabytes: float


def main() -> None:
    """Build, serve, ask, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("/tmp/bugflow-predict"))  # noqa: S108 -- Reused on purpose.
    parser.add_argument("--data", type=Path, required=True, help="Parquet with title and description to ask about.")
    parser.add_argument("--models", type=Path, help="Folder with a model in a folder for each target; else starters.")
    parser.add_argument("--issues", type=int, default=5000)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--processes", type=int, default=1, help="Server processes.")
    parser.add_argument("--no-reasons", action="store_true", help="Ask without reasons.")
    parser.add_argument("--trainings", type=int, help="Instead, so many rounds with and without a training beside.")
    parser.add_argument("--out", type=Path, help="Write the table to this file, too.")
    arguments = parser.parse_args()
    prepare(arguments.home, Size(arguments.issues, arguments.issues))
    if arguments.models is not None:
        publish(arguments.home, arguments.models)
    questions = read_questions(arguments.data, explain=not arguments.no_reasons)
    with serve(arguments.home, arguments.processes) as (port, process):
        ready = wait_for_models(port)
        token = sign_in(port)
        client = Client(port, {"Authorization": f"Bearer {token}"})
        if arguments.trainings:  # With benchmarks/learning in PYTHONPATH, too.
            from beside import measure_beside  # noqa: PLC0415 -- See above.

            print(
                measure_beside(
                    client, lambda: run_users(arguments, port, token, questions, process.pid), arguments.trainings
                )
            )
            return
        alone = measure("alone", client, lambda each: ("POST", "/predict", questions[each]), repeats=200)
        load = run_users(arguments, port, token, questions, process.pid)
    report = describe(arguments, ready, (alone.p50, alone.p95), load)
    print(report)
    if arguments.out:
        arguments.out.write_text(report, encoding="utf-8")


def prepare(home: Path, size: Size) -> None:
    """Build the database unless a former run has."""
    done = home / "built.txt"
    if done.exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    database = open_database(f"sqlite:///{home / 'bugflow.db'}")
    upgrade_schema(database)
    build_database(database, size, PasswordHasher(time_cost=1, memory_kib=1024))
    database.dispose()
    done.write_text(f"{size.issues} issues", encoding="utf-8")


def publish(home: Path, models: Path) -> None:
    """Publish each model as a version of its own, and use it."""
    storage, now = open_storage((home / "files").absolute().as_uri()), utc_now()
    database = open_database(f"sqlite:///{home / 'bugflow.db'}")
    for target in MODEL_TYPES:
        if (models / target / "model.json").is_file():
            version = publish_model(storage, models / target, model_type=target, version="1.0.0", now=now)
            with database.transaction() as session:
                use_model(session, storage, target, version, actor=build_system_actor("cli"), now=now)
    database.dispose()


def read_questions(data: Path, *, explain: bool) -> list[dict[str, Any]]:
    """Return questions of which no two have the same text."""
    frame = pl.read_parquet(data, columns=["title", "description"]).drop_nulls()
    frame = frame.filter(pl.col("description").str.len_chars() > 0).unique(maintain_order=True)
    rows = frame.sample(min(QUESTIONS, len(frame)), seed=1).iter_rows()
    return [
        {"title": title[:500], "description": text[:20_000], "project": "P1", "explain": explain}
        for title, text in rows
        if title.strip() and text.strip()
    ]


@contextmanager
def serve(home: Path, processes: int) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the server until the block ends; gives its port and its first process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    environment = os.environ | {
        "BUGFLOW_HOME": str(home.absolute()),
        "BUGFLOW_SECRET_KEY": secrets.token_urlsafe(48),
        "BUGFLOW_WEB_PROCESSES": str(processes),
        "BUGFLOW_RATE_LIMIT_PER_MINUTE": "10000000",
        "BUGFLOW_LOG_LEVEL": "warning",
        "BUGFLOW_RETRAINING": "false",
    }
    command = [sys.executable, "-m", "bugflow", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment)  # noqa: S603 -- Our own command.
    try:
        yield port, process
    finally:
        process.terminate()
        process.wait(60)


def wait_for_models(port: int) -> str:
    """Return who predicts, once that is no longer only the rules."""
    started = time.perf_counter()
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                models = json.load(answer)["models"]
        except OSError:
            models = {}
        methods = {target: each["method"] for target, each in models.items()}
        if methods and "keyword" not in methods.values():
            return ", ".join(f"{target} by {method}" for target, method in methods.items())
        if time.perf_counter() - started > LOADING_SECONDS:
            raise SystemExit(f"The models were not loaded within {LOADING_SECONDS:.0f} s: {methods}")
        time.sleep(0.1)


def sign_in(port: int) -> str:
    """Return the token of a project manager."""
    body = {"username": "user3@example.com", "password": PASSWORD}
    _, answer = Client(port, {}).ask(("POST", "/token", body))
    return str(json.loads(answer)["access_token"])


def run_users(
    arguments: argparse.Namespace, port: int, token: str, questions: Sequence[dict[str, Any]], pid: int
) -> Load:
    """Let many users ask at once; what happens before all are there does not count."""
    file = arguments.home / "questions.json"
    file.write_text(json.dumps(questions), encoding="utf-8")
    command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("users.py")), "--headless", "--json"]
    command += ["--users", str(arguments.users), "--spawn-rate", "25", "--run-time", f"{arguments.seconds}s"]
    command += ["--reset-stats", "--only-summary", "--host", f"http://127.0.0.1:{port}", "--loglevel", "WARNING"]
    environment = os.environ | {"BENCHMARK_QUESTIONS": str(file), "BENCHMARK_TOKEN": token}
    before, answered = used_seconds(pid), count_predictions(port)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 -- Ours.
    try:
        [stats] = json.loads(done.stdout)
    except ValueError as error:
        raise SystemExit(f"Locust failed: {done.stderr[-2000:]}") from error
    times = sorted((float(ms), int(count)) for ms, count in stats["response_times"].items())
    return Load(
        requests=stats["num_requests"],
        failures=stats["num_failures"],
        p50=percentile(times, 0.5),
        p95=percentile(times, 0.95),
        p99=percentile(times, 0.99),
        by_models=share_of_models(answered, count_predictions(port)),
        cpu_ms_each=(used_seconds(pid) - before) * 1000 / max(1, stats["num_requests"]),
        megabytes=resident_megabytes(pid),
    )


def count_predictions(port: int) -> dict[str, float]:
    """Return how many fields were predicted so far, by the line of the measurements that says it."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(count)
        for name, count in (line.rsplit(" ", 1) for line in lines if line.startswith("bugflow_predictions_total{"))
    }


def share_of_models(before: dict[str, float], after: dict[str, float]) -> float:
    """Return which share of the predictions made between two counts was not the rules', in [0, 1]."""
    made = {name: count - before.get(name, 0.0) for name, count in after.items()}
    return sum(count for name, count in made.items() if 'method="keyword"' not in name) / max(1.0, sum(made.values()))


def percentile(times: Sequence[tuple[float, int]], share: float) -> float:
    """Return the time within which so many requests were answered; Locust rounds long ones to two digits."""
    wanted = share * sum(count for _, count in times)
    seen = 0
    for ms, count in times:
        seen += count
        if seen >= wanted:
            return ms
    return float("nan")


def list_processes(pid: int) -> list[int]:
    """Return a process and all below it."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [pid, *(each for child in children for each in list_processes(child))]


def used_seconds(pid: int) -> float:
    """Return how long a server has used processors so far, with all its processes."""
    total = 0
    for each in list_processes(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Return the memory of the largest process of a server."""
    sizes = []
    for each in list_processes(pid):
        lines = Path(f"/proc/{each}/status").read_text().splitlines()
        sizes += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")]
    return max(sizes)


def describe(arguments: argparse.Namespace, ready: str, alone: tuple[float, float], load: Load) -> str:
    """Return what was measured, where and when."""
    busy = " / ".join(f"{each:.1f}" for each in os.getloadavg())
    reasons = "without reasons" if arguments.no_reasons else "with reasons"
    rows = [
        ("one report alone, median, ms", f"{alone[0]:.1f}", f"{TARGET_ALONE_MS:.0f}"),
        ("one report alone, p95, ms", f"{alone[1]:.1f}", ""),
        (f"{arguments.users} users, median, ms", f"{load.p50:.0f}", ""),
        (f"{arguments.users} users, p95, ms", f"{load.p95:.0f}", f"{TARGET_MS:.0f}"),
        (f"{arguments.users} users, p99, ms", f"{load.p99:.0f}", ""),
        ("requests, of which failed", f"{load.requests:,}, {load.failures}", ""),
        ("predictions by models, the rest by rules", f"{load.by_models:.1%}", ""),
        ("processor time a request, all of the server, ms", f"{load.cpu_ms_each:.1f}", ""),
        ("memory of the largest process, MB", f"{load.megabytes:.0f}", f"{TARGET_MB:.0f}"),
    ]
    table = "\n".join(f"| {name} | {value} | {target} |" for name, value, target in rows)
    return (
        f"# Predictions under load\n\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {platform.machine()}, "
        f"Python {platform.python_version()}, SQLite with {arguments.issues:,} issues, {arguments.processes} server "
        f"process(es), {ready}, {reasons}, {arguments.seconds} s, users wait 1 to 3 s between requests. Locust ran on "
        f"the same machine; load average at the end {busy}.\n\n| | measured | wanted, below |\n|---|---|---|\n{table}\n"
    )


if __name__ == "__main__":
    main()
