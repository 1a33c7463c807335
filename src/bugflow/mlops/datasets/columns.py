"""Reports out of Parquet, CSV and JSON with our columns, or with others that an option names."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from bugflow.mlops.datasets.errors import SourceError
from bugflow.mlops.datasets.rows import (
    BATCH_ROWS,
    MOMENT,
    RAW_SCHEMA,
    TEXTS,
    Account,
    Batch,
    Record,
)
from bugflow.tracker.imports.csv_tables import read_moment, read_table
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.json_files import JsonFile
from bugflow.tracker.imports.parsing import exact_text_of, parse_moment
from bugflow.tracker.imports.records import NotCarried
from bugflow.tracker.imports.text_files import TextFile, iterate_lines

FIRST_ROWS, SLICE_ROWS, SLICE_BYTES = 100, 20_000, 64_000_000
SEPARATOR = "|"
"""Between several values in one cell."""
MOST_NAMED = 30


def read_parquet(path: Path, columns: Mapping[str, str]) -> Iterator[Batch]:
    """Yield the rows of a Parquet file; values of another type become text, and moments without a zone are in UTC.

    Args:
        path: The file.
        columns: What it calls a column of ours, by our name.

    Raises:
        SourceError: It is no Parquet file, damaged, or has no titles.
    """
    try:
        lazy = pl.scan_parquet(path)
        schema = lazy.collect_schema()
        chosen = _choose_columns(path.name, schema.names(), columns)
        total = int(lazy.select(pl.len()).collect().item()) or 1
        wanted = lazy.select(_convert(theirs, schema[theirs]).alias(ours) for ours, theirs in chosen.items())
        done = 0
        for frame in _walk(wanted, total):
            done += len(frame)
            yield Batch(_complete(frame), done / total)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise SourceError(path.name, str(error).splitlines()[0]) from error


def _walk(lazy: pl.LazyFrame, total: int) -> Iterator[pl.DataFrame]:
    """Yield the rows in small frames, read in slices of about the same size.

    Batches of the library's own hold several row groups in memory, which many files have of a million rows.
    """
    start, rows = 0, FIRST_ROWS
    while start < total:
        frame = lazy.slice(start, rows).collect()
        if not len(frame):
            return
        yield from frame.iter_slices(BATCH_ROWS)
        start += len(frame)
        rows = max(1, min(SLICE_ROWS, int(SLICE_BYTES * len(frame) / max(1, int(frame.estimated_size())))))


def _choose_columns(name: str, present: Iterable[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return their name of each of our columns that the file has; the case of letters does not matter.

    Raises:
        SourceError: There are no titles, or a column that an option names is missing.
    """
    names = list(present)
    by_name = {theirs.strip().casefold(): theirs for theirs in reversed(names)}
    wanted = {ours: columns.get(ours, ours).strip() for ours in RAW_SCHEMA}
    for ours in ("title", *columns):
        if wanted[ours].casefold() not in by_name:
            known = ", ".join(names[:MOST_NAMED]) or "none"
            problem = f"it has no column {wanted[ours]!r}. It has: {known}. Name one by --column {ours}=NAME."
            raise SourceError(name, problem)
    return {ours: by_name[theirs.casefold()] for ours, theirs in wanted.items() if theirs.casefold() in by_name}


def _convert(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.List | pl.Array):
        listed = column.arr.to_list() if isinstance(kind, pl.Array) else column
        return listed.cast(pl.List(pl.String), strict=False).list.join(SEPARATOR)
    if isinstance(kind, pl.Struct):
        return column.struct.json_encode()
    if isinstance(kind, pl.Datetime):
        return column.dt.convert_time_zone("UTC") if kind.time_zone else column.dt.replace_time_zone("UTC")
    if kind.is_float():
        return column.cast(pl.String).str.strip_suffix(".0")
    return column if kind == pl.Date else column.cast(pl.String, strict=False)


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with all columns that are read and their types."""
    texts = [
        (pl.col(name).cast(pl.String) if name in frame.columns else pl.lit(None, pl.String)).alias(name)
        for name in TEXTS
    ]
    moments = pl.lit(None, MOMENT)
    if "created_at" in frame.columns:
        kind = frame.schema["created_at"]
        if kind.is_temporal():
            moments = pl.col("created_at").cast(pl.Datetime("us"), strict=False).dt.replace_time_zone("UTC")
        else:
            read = [_read_moment(each) for each in frame["created_at"].cast(pl.String)]
            moments = pl.lit(pl.Series("created_at", read, MOMENT))
    return frame.select(*texts, moments.alias("created_at"))


def _read_moment(text: str | None) -> datetime | None:
    return None if not text else parse_moment(text) or parse_moment(read_moment(text))


def read_csv(name: str, file: TextFile, columns: Mapping[str, str], account: Account) -> Iterator[Record]:
    """Yield the rows of a table; broken ones are counted and left out.

    Raises:
        SourceError: It is no table, or has no titles.
    """
    left = NotCarried()
    chosen: dict[str, str] = {}
    try:
        for row in read_table(file, name, (), left):
            chosen = chosen or _choose_columns(name, row.cells, columns)
            yield _read_record({ours: row.first(theirs) for ours, theirs in chosen.items()})
    except ImportFileError as error:
        raise SourceError(name, str(error)) from error
    for problem, count in left.counts.items():
        account.unread[problem] += count


def read_json(name: str, file: TextFile, columns: Mapping[str, str], account: Account) -> Iterator[Record]:
    """Yield the objects of a file that has one in each line, or a list of them; broken lines are counted and left out.

    Raises:
        SourceError: It is no JSON, or nothing in it has a title.
    """
    seen: dict[str, None] = {}
    has_titles = False
    title = columns.get("title", "title").casefold()
    for value in _read_values(name, file, account):
        if not isinstance(value, dict):
            account.unread["lines that are no object"] += 1
            continue
        lower = {str(theirs).strip().casefold(): each for theirs, each in value.items()}
        has_titles = has_titles or title in lower
        if not has_titles and len(seen) < MOST_NAMED:
            seen |= dict.fromkeys(map(str, value))
        yield _read_record({ours: lower.get(columns.get(ours, ours).casefold()) for ours in RAW_SCHEMA})
    if not has_titles:
        _choose_columns(name, seen, columns)


def _read_values(name: str, file: TextFile, account: Account) -> Iterator[Any]:
    read = JsonFile(file, name)
    try:
        if not read.has_lines:
            yield from (element.value() for element in read.elements(unless="it should hold a list of reports"))
            return
    except (ImportFileError, RecursionError) as error:
        raise SourceError(name, str(error)) from error
    for line in iterate_lines(file.chunks(), name, newline="\n"):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            account.unread["lines that are no JSON"] += 1


def _read_record(values: Mapping[str, Any]) -> Record:
    texts: dict[str, Any] = {ours: _read_text(values.get(ours)) for ours in TEXTS}
    return texts | {"created_at": _read_moment(_read_text(values.get("created_at")))}


def _read_text(value: Any) -> str | None:  # noqa: ANN401 -- Whatever a file holds.
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return SEPARATOR.join(filter(None, map(_read_text, value))) or None
    if isinstance(value, dict):
        return _read_text(value.get("name"))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return exact_text_of(value)
