"""Labelled reports out of a file, and which of them train, calibrate and test."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.core.errors import InvalidError
from bugflow.ml.contract import Report

Target = Literal["severity", "priority", "component", "team"]
Split = Literal["time", "random"]

UNDECIDED = frozenset({"unfiled", "undecided", "unspecified", "unknown", "none", "---", "n/a", ""})
"""Labels, in lower case, by which nobody has decided anything yet."""
FIELDS = ("project", "issue_type", "component")
"""What a reporter chooses; the target itself is never looked at."""
OPTIONAL = ("description", "split", "created_at", "issue_id", *FIELDS)
_WORD = re.compile(r"\w\w")
TEST_SHARE, CALIBRATION_SHARE = 0.15, 0.15
PARTS = {"train": "train", "valid": "calibration", "validation": "calibration", "test": "test"}
READERS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".parquet": pl.scan_parquet,
    ".csv": pl.scan_csv,
    ".jsonl": pl.scan_ndjson,
    ".ndjson": pl.scan_ndjson,
}


class ExamplesError(InvalidError):
    """A file cannot be learned from."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} cannot be learned from: {problem}")


@dataclass(frozen=True)
class Examples:
    """Reports and their labels, of which there are as many."""

    reports: tuple[Report, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.reports)

    def take(self, rows: NDArray[np.int_]) -> "Examples":
        """Return the examples with these numbers, in this order."""
        return Examples(tuple(self.reports[row] for row in rows), tuple(self.labels[row] for row in rows))


@dataclass(frozen=True)
class Partition:
    """Examples that train, that calibrate and choose thresholds, and that test; none is in two."""

    train: Examples
    calibration: Examples
    test: Examples
    split: str

    def join_seen(self) -> Examples:
        """Return what trains and what calibrates, but for labels that what trains does not have."""
        known = set(self.train.labels)
        rows = np.array([row for row, label in enumerate(self.calibration.labels) if label in known], dtype=np.int_)
        newest = self.calibration.take(rows)
        return Examples(self.train.reports + newest.reports, self.train.labels + newest.labels)


def read_examples(path: Path, target: Target, *, least_rows: int = 50) -> tuple[Examples, list[str | None]]:
    """Return labelled reports, the oldest first, and which part each belongs to where the file says it.

    They come from a Parquet, CSV or JSON lines file, or from all Parquet files of a folder. Repeats of title and
    description are left out but the first, and so are several labels in one (`a|b`), labels by which nobody has decided
    anything, and labels of fewer than `least_rows` reports.

    Raises:
        ExamplesError: It is no Parquet, CSV or JSON lines file, lacks a column, or has fewer than two labels.
    """
    frame = _read_columns(path, target)
    frame = frame.unique(subset=["title", "description"], keep="first", maintain_order=True)
    wanted = ~pl.col(target).str.to_lowercase().is_in(list(UNDECIDED)) & ~pl.col(target).str.contains("|", literal=True)
    frame = frame.filter(wanted).filter(pl.len().over(target) >= least_rows)
    if frame[target].n_unique() < 2:  # noqa: PLR2004 -- One label leaves nothing to choose.
        raise ExamplesError(path, f"fewer than two values of {target!r} have {least_rows} reports or more.")
    reports = tuple(_build_reports(frame, target))
    if not any(_WORD.search(report.text) for report in reports):
        raise ExamplesError(path, "none of its reports has a word.")
    given = frame["split"] if "split" in frame.columns else [None] * len(frame)
    parts = [None if each is None else PARTS.get(str(each).lower()) for each in given]
    return Examples(reports, tuple(frame[target])), parts


def _build_reports(frame: pl.DataFrame, target: Target) -> Iterator[Report]:
    names = [name for name in FIELDS if name in frame.columns and name != target]
    for title, description, *values in frame.select("title", "description", *names).iter_rows():
        chosen = {name: str(value) for name, value in zip(names, values, strict=True) if value not in {None, ""}}
        yield Report(title, description, chosen)


def _read_columns(path: Path, target: Target) -> pl.DataFrame:
    source, read = (path / "*.parquet", pl.scan_parquet) if path.is_dir() else (path, READERS.get(path.suffix.lower()))
    if read is None:
        raise ExamplesError(path, f"it must be a folder of Parquet files or end in one of {', '.join(READERS)}.")
    try:
        lazy = read(source)
        present = set(lazy.collect_schema().names())
        if missing := {"title", target} - present:
            raise ExamplesError(path, f"it has no column {', '.join(sorted(missing))}.")
        optional = [name for name in OPTIONAL if name in present and name != target]
        frame = lazy.select("title", target, *optional).filter(pl.col(target).is_not_null()).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ExamplesError(path, str(error).splitlines()[0]) from error
    texts = [pl.col(name).cast(pl.String).fill_null("") for name in ("title", target)]
    description = pl.col("description").cast(pl.String).fill_null("") if "description" in present else pl.lit("")
    frame = frame.with_columns(*texts, description.alias("description"))
    return _sort_by_time(frame)


def _sort_by_time(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows by date where most have one, else by the number in their id, else as they are."""
    if "created_at" in frame.columns and frame["created_at"].null_count() < len(frame) / 2:
        return frame.sort("created_at", nulls_last=False, maintain_order=True)
    if "issue_id" not in frame.columns:
        return frame
    number = pl.col("issue_id").cast(pl.String).str.extract(r"(\d+)$").cast(pl.Int64, strict=False)
    return frame.sort(number, nulls_last=False, maintain_order=True)


def draw_samples(
    examples: Examples, parts: Sequence[str | None], *, most: int | None, seed: int = 0
) -> tuple[Examples, list[str | None]]:
    """Return at most so many of the examples, drawn from all, in their order."""
    if most is None or len(examples) <= most:
        return examples, list(parts)
    rows = np.sort(np.random.default_rng(seed).choice(len(examples), most, replace=False))
    return examples.take(rows), [parts[row] for row in rows]


def partition(examples: Examples, parts: Sequence[str | None], *, split: Split = "time", seed: int = 0) -> Partition:
    """Divide examples that are in the order of time: 70 % train, 15 % calibrate, 15 % test.

    Parts that the file gives are kept; if it gives none for calibration, that is the last of what trains.

    Args:
        examples: The oldest first.
        parts: For each example `train`, `calibration`, `test`, or none where the file does not say it.
        split: `time` tests on the newest; `random` keeps the shares of the labels in each part.
        seed: Of a random split.
    """
    if any(parts):
        return _partition_as_given(examples, parts)
    order = np.arange(len(examples)) if split == "time" else _shuffle_by_label(examples.labels, seed)
    tested = round(len(order) * TEST_SHARE)
    calibrated = round(len(order) * CALIBRATION_SHARE)
    cuts = (len(order) - tested - calibrated, len(order) - tested)
    train, calibration, test = np.split(order, cuts)
    return Partition(examples.take(train), examples.take(calibration), examples.take(test), split)


def _partition_as_given(examples: Examples, parts: Sequence[str | None]) -> Partition:
    rows = {
        name: np.array([row for row, part in enumerate(parts) if part == name], dtype=np.int_)
        for name in PARTS.values()
    }
    train, calibration, test = rows["train"], rows["calibration"], rows["test"]
    if not len(test):  # Without a test part the held-back part is tested on.
        calibration, test = test, calibration
    if not len(calibration):
        kept = len(train) - round(len(train) * CALIBRATION_SHARE)
        train, calibration = train[:kept], train[kept:]
    return Partition(examples.take(train), examples.take(calibration), examples.take(test), "given")


def _shuffle_by_label(labels: Sequence[str], seed: int) -> NDArray[np.int_]:
    """Return the rows in an order in which every stretch has each label as often as all have."""
    generator = np.random.default_rng(seed)
    counts, places = Counter(labels), np.empty(len(labels))
    rows_of: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        rows_of.setdefault(label, []).append(row)
    for label, rows in sorted(rows_of.items()):
        shuffled = generator.permutation(rows)
        places[shuffled] = (np.arange(counts[label]) + generator.random()) / counts[label]
    return np.argsort(places, kind="stable")
