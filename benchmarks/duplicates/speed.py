"""Measures suggested duplicates over HTTP against the size of a tracker, and draws cost against size.

    PYTHONPATH=benchmarks/tracker:benchmarks/duplicates python benchmarks/duplicates/speed.py --home DIR --encoder DIR
        [--sizes 1000 10000 100000] [--figures DIR] [--plot FILE]

For each size a home with so many synthetic issues is built once (`filling.py`), with stack traces, and with drawn
vectors under the name of the true encoder, which the server asks about each text that is written. A real server process
is started on it, with its worker. Then it is measured: how long until it suggests by words and vectors, its memory
beyond that of a server with ten issues, how long a preview takes alone and with twenty people at once
(`people.py` says how they type), and how long it takes until a new issue is suggested. Clients run on the same machine.
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
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from asking import Client
from building import PASSWORD
from filling import DrawnVectors, ReportProse, fill_home, read_older, read_vocabulary
from people import MANNERS, Writer, ask_alone, let_people_type, preview, summarise
from plotting import Line, Panel, draw

from bugflow.ml.encoder.encoding import OnnxEncoder

PEOPLE, TINY = 20, 10
STARTING_SECONDS, SUGGESTED_SECONDS = 900.0, 30.0
ALONE, ROUNDS, ROUND_SECONDS, FILLING_SECONDS, NEW_ISSUES = 100, 3, 20.0, 10.0, 10

Figures = dict[str, Any]


def main() -> None:
    """Measure each size, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="Where homes are built; kept for the next run.")
    parser.add_argument("--encoder", type=Path, required=True, help="Folder of a prepared encoder; it is only read.")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="Numbers of issues.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=ROUND_SECONDS, help="Of a round of people who type.")
    parser.add_argument("--figures", type=Path, help="Folder for the figures as JSON, one file a size.")
    parser.add_argument("--plot", type=Path, help="Draw all figures of that folder into this SVG file.")
    options = parser.parse_args()
    encoder = OnnxEncoder.open(options.encoder)
    words = read_vocabulary(options.encoder)
    tiny = measure_memory(build(options, TINY, encoder), words, options.encoder)
    for size in options.sizes:
        figures = {"issues": size, **measure(build(options, size, encoder), words, size, tiny, options)}
        print(json.dumps(figures, indent=2), flush=True)
        if options.figures is not None:
            options.figures.mkdir(parents=True, exist_ok=True)
            (options.figures / f"speed-{size}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if options.plot is not None and options.figures is not None:
        plot(options.figures, options.plot)


def build(options: argparse.Namespace, size: int, encoder: OnnxEncoder) -> Path:
    """Return a home with so many issues."""
    home: Path = options.home.absolute() / str(size)
    seconds = fill_home(home, size, options.encoder, DrawnVectors(encoder.name, encoder.n_dims))
    print(f"{size:,} issues, built in {seconds:.0f} s", flush=True)
    return home


def measure_memory(home: Path, words: Sequence[str], encoder: Path) -> float:
    """Return the resident megabytes of a server with few issues after many people have asked."""
    with serve(home, encoder) as (port, process):
        clients = [sign_in(port) for _ in range(PEOPLE)]
        wait_until_ready(clients[0])
        let_people_type(clients, Writer(words, ()), manner="restless", seconds=FILLING_SECONDS, seed=0)
        return resident_megabytes(process.pid)


def measure(home: Path, words: Sequence[str], size: int, tiny: float, options: argparse.Namespace) -> Figures:
    """Return all that is measured of a server with so many issues."""
    writer = Writer(words, read_older(home))
    started = time.perf_counter()
    with serve(home, options.encoder) as (port, process):
        client = sign_in(port)
        answering = time.perf_counter() - started
        wait_until_ready(client)
        figures: Figures = {"answering_seconds": answering, "ready_seconds": time.perf_counter() - started}
        figures["loading_seconds"] = read_loading_seconds(home)
        loaded = resident_megabytes(process.pid)
        ask_alone(client, writer, repeats=ALONE // 5, seed=99)
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
def serve(home: Path, encoder: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the server until the block ends; gives its port once it answers, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    own = {
        "HOME": str(home),
        "ENCODER": str(encoder.absolute()),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "RATE_LIMIT_PER_MINUTE": "10000000",
        "LOG_FORMAT": "json",
    }
    environment = plain | {f"BUGFLOW_{name}": value for name, value in own.items()}
    command = [sys.executable, "-m", "bugflow", "serve", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
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
