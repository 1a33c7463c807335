"""Measures what it costs to note suggested duplicates, and to let a second ranking think along in the shadow.

    PYTHONPATH=src:benchmarks/tracker:benchmarks/duplicates:tests python benchmarks/duplicates/shadow.py
        --home DIR --encoder DIR [--issues 10000] [--reports 400]

A home with so many synthetic issues is built once (`filling.py`), with drawn vectors, on SQLite. Then each of some new
reports is asked about three times in this process, in changing order: without noting anything, noted, and noted while a
second ranking ranks the same candidates. Both rankings are the one that comes with BugFlow; another one has about as
many trees. At last the rows are written into the ledger of predictions, and counted, with their bytes.
"""

import argparse
import random
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import mean, median, quantiles

from filling import DrawnVectors, ReportProse, fill_home, read_older, read_vocabulary
from sqlalchemy import func, select, text

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.rankers import LoadedRanker, Rankers
from bugflow.assist.duplicates.ranking import Tried
from bugflow.assist.duplicates.suggesting import Sought, read_draft, suggest
from bugflow.assist.duplicates.suggestion_schemas import PreviewAsk
from bugflow.core.database import Database, open_database
from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.starter import FOLDER
from bugflow.mlops.predictions.tables import Prediction
from bugflow.mlops.predictions.writing import PredictionLog
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.tables import User

USED, TRIED = "duplicates/1.0.0/20260101_000000", "duplicates/1.1.0/20260102_000000"
WAYS = ("not noted", "noted", "with one in the shadow")
SUGGESTED, WARMING = 5, 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--issues", type=int, default=10_000)
    parser.add_argument("--reports", type=int, default=400)
    options = parser.parse_args()
    address = f"sqlite:///{options.home / 'bugflow.db'}"
    vectors = DrawnVectors("drawn", 384)
    fill_home(options.home, address, options.issues, options.encoder, vectors)
    database = open_database(address)
    ranker = Ranker.load(FOLDER)
    rankers = Rankers(lambda: None)
    rankers.full, rankers.challenger = (LoadedRanker(name, "ranking", ranker) for name in (USED, TRIED))
    host = DuplicateHost(database, HostingOptions(), rankers=rankers, find_encoder=lambda: vectors)
    host.load()
    with database.snapshot() as session:
        actor = build_actor(session.scalars(select(User).limit(1)).one(), origin="cli")
    prose = ReportProse(random.Random(11), read_vocabulary(options.encoder))
    older = read_older(address)
    drafts = [read_report(database, actor, *prose.draft(older)) for _ in range(options.reports + WARMING)]
    report(*measure(host, database, actor, drafts), database)


def read_report(database: Database, actor: Actor, title: str, description: str, trace: str) -> Sought:
    """Return a report that is to be asked about."""
    ask = PreviewAsk(project="P1", title=title, description=description, stack_trace=trace)
    with database.snapshot() as session:
        return read_draft(session, actor, ask)


def measure(
    host: DuplicateHost, database: Database, actor: Actor, drafts: list[Sought]
) -> tuple[dict[str, list[float]], PredictionLog]:
    """Return the milliseconds of each way, by report, and the log of what was noted by the last way."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    logs = {way: PredictionLog(database) for way in WAYS}
    ask = partial(suggest, host, database, actor, most=SUGGESTED)
    for place, draft in enumerate(drafts):
        for turn in range(len(WAYS)):
            way = WAYS[(place + turn) % len(WAYS)]
            sought = replace(draft, tried=Tried(TRIED, answers=False) if way == WAYS[2] else None)
            started = time.perf_counter()
            ask(sought, ledger=None if way == WAYS[0] else logs[way])
            if place >= WARMING:
                seconds[way].append((time.perf_counter() - started) * 1000)
    return seconds, logs[WAYS[2]]


def report(taken: dict[str, list[float]], log: PredictionLog, database: Database) -> None:
    """Print milliseconds, what each way costs beside the first, and what the rows take."""
    first = taken[WAYS[0]]
    for way in WAYS:
        more = [own - other for own, other in zip(taken[way], first, strict=True)]
        print(
            f"{way}: median {median(taken[way]):.2f} ms, p95 {quantiles(taken[way], n=20)[18]:.2f} ms, "
            f"beside the first {median(more):+.2f} ms (median), {mean(more):+.2f} ms (mean)"
        )
    before = measure_pages(database)
    log.write()
    with database.snapshot() as session:
        rows = session.scalar(select(func.count()).select_from(Prediction).where(Prediction.field == "duplicates")) or 1
    print(f"{rows:,} rows, {(measure_pages(database) - before) / rows:.0f} bytes each with their indexes")


def measure_pages(database: Database) -> int:
    """Return the bytes of the database."""
    with database.snapshot() as session:
        pages = session.scalar(text("PRAGMA page_count")) or 0
        return int(pages) * int(session.scalar(text("PRAGMA page_size")) or 0)


if __name__ == "__main__":
    main()
