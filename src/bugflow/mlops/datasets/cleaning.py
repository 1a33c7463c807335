"""Cleaning reports batch by batch, in this process or in several, in the order in which they come."""

import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from multiprocessing import get_context, parent_process

import polars as pl

from bugflow.ml.repeats import Sketch, sketch_text
from bugflow.ml.text import CleanText, clean_report, is_long_enough
from bugflow.ml.triage.examples import UNDECIDED
from bugflow.ml.triage.labelling import label_by_keyword, mask_keywords
from bugflow.mlops.datasets.errors import CleaningStoppedError
from bugflow.mlops.datasets.rows import LABELS, MOMENT, Batch, Options

LONGEST_LABEL = 200
FIRST_MOMENT = datetime(1970, 1, 2, tzinfo=UTC)
"""What is older is no date of a report: a clock that was not set, or a zero."""
ALONE = 4
"""Batches that are cleaned here before other processes are started, which takes longer than so many batches."""
AHEAD = 2
"""Batches for each process that may wait or be under way."""
UNLABELLED = "without any label"
SHORT = "shorter than 20 characters"

_PARTS = ("title", "description", "code", "traces", "severity", "team")
_Parts = tuple[str, str, str, str, str | None, str | None]


@dataclass(frozen=True)
class Cleaned:
    """Reports with the columns of the data set but `split`, and `number`, the last digits of their id.

    Attributes:
        sketches: Of title and words, one for each report.
        dropped: How many were left out, by reason.
        labels_left: How many labels were taken away, by column and reason.
    """

    frame: pl.DataFrame
    sketches: tuple[Sketch | None, ...]
    read: int
    dropped: Counter[str]
    labels_left: dict[str, Counter[str]]
    source: str
    done: float


def clean_all(batches: Iterable[Batch], options: Options, *, workers: int) -> Iterator[Cleaned]:
    """Yield the batches cleaned, in their order; a few of them are in memory at a time.

    Args:
        batches: Of any number.
        options: How to label.
        workers: Processes that clean; 1 cleans here.

    Raises:
        CleaningStoppedError: A process was ended from outside.
    """
    batches = iter(batches)
    first = list(islice(batches, ALONE + 1))
    alone = batches if workers == 1 else iter(())
    for batch in chain(first, alone):
        yield clean_batch(batch, options)
    if workers > 1 and len(first) > ALONE:
        with _start(workers) as pool:
            yield from _clean_ahead(pool, batches, options, most=workers * AHEAD)


def _clean_ahead(
    pool: ProcessPoolExecutor, batches: Iterator[Batch], options: Options, *, most: int
) -> Iterator[Cleaned]:
    waiting: deque[Future[Cleaned]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(clean_batch, batch, options))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise CleaningStoppedError from error


@contextmanager
def _start(workers: int) -> Iterator[ProcessPoolExecutor]:
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_prepare_process)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_process() -> None:
    """Leave an interruption to the process that started this one, and end when that one is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def clean_batch(batch: Batch, options: Options) -> Cleaned:
    """Return the reports of a batch that are long enough, cleaned and labelled."""
    frame, labels_left = _clean_fields(batch.frame)
    dropped: Counter[str] = Counter()
    if options.labels == "given" and not options.keep_unlabelled:
        labelled = frame.filter(pl.any_horizontal(pl.col(*LABELS).is_not_null()))
        dropped[UNLABELLED] = len(frame) - len(labelled)
        frame = labelled
    kept: list[bool] = []
    parts: list[_Parts] = []
    for title, description, trace in frame.select("title", "description", "stack_trace").iter_rows():
        found = _clean_text(title or "", description or "", trace or "", options)
        kept.append(found is not None)
        if found is not None:
            parts.append(found)
    dropped[SHORT] = kept.count(False)
    columns = pl.DataFrame(parts, schema=dict.fromkeys(_PARTS, pl.String), orient="row")
    if options.labels == "given":
        columns = columns.drop("severity", "team")
    rest = frame.filter(pl.Series(kept, dtype=pl.Boolean)).drop("stack_trace", *columns.columns, strict=False)
    whole = pl.concat([rest, columns], how="horizontal").with_columns(source=pl.lit(batch.source))
    sketches = tuple(sketch_text(f"{each[0]}\n{each[1]}") for each in parts)
    return Cleaned(whole, sketches, len(batch.frame), +dropped, labels_left, batch.source, batch.done)


def _clean_text(title: str, description: str, trace: str, options: Options) -> _Parts | None:
    text = clean_report(title, description)
    traces = "\n".join(filter(None, (text.traces, trace.strip())))
    if not is_long_enough(text):
        return None
    labels: dict[str, str | None] = {"severity": None, "team": None}
    if options.labels == "keyword":
        labels = label_by_keyword(text.title, text.prose)
    parts = (text.title, text.prose, text.code, traces)
    if options.mask_keywords:
        parts = (mask_keywords(parts[0]), mask_keywords(parts[1]), mask_keywords(parts[2]), mask_keywords(parts[3]))
        if not is_long_enough(CleanText(*parts)):
            return None
    return (*parts, labels["severity"], labels["team"])


def _clean_fields(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, Counter[str]]]:
    """Return the frame with labels that say one thing, dates that can be, and the number in the id."""
    stripped = [pl.col(name).str.strip_chars().alias(name) for name in (*LABELS, "project", "issue_type", "reporter")]
    frame = frame.with_columns(*stripped)
    left: dict[str, Counter[str]] = {}
    for name in LABELS:
        label = pl.col(name)
        why = {
            "undecided": label.str.to_lowercase().is_in(list(UNDECIDED)),
            "several values": label.str.contains("|", literal=True),
            "too long": label.str.len_chars() > LONGEST_LABEL,
        }
        for reason, is_out in why.items():
            given = frame[name].null_count()
            frame = frame.with_columns(pl.when(~is_out).then(label).alias(name))
            if gone := frame[name].null_count() - given:
                left.setdefault(name, Counter())[reason] += gone
    latest = datetime.now(UTC) + timedelta(days=1)
    can_be = pl.col("created_at").is_between(pl.lit(FIRST_MOMENT, MOMENT), pl.lit(latest, MOMENT))
    number = pl.col("issue_id").str.extract(r"(\d{1,18})\D*$").cast(pl.Int64, strict=False)
    return frame.with_columns(pl.when(can_be).then(pl.col("created_at")), number=number), left
