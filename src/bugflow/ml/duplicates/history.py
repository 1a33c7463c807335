"""A tracker's past out of a file: its reports in the order of filing, and which of them are the same bug."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bugflow.core.errors import InvalidError
from bugflow.ml.contract import Report
from bugflow.ml.duplicates.index import FIELDS, NEVER, Filed

REQUIRED = ("issue_id", "title", "created_at", "duplicate_of")
MOMENTS = ("created_at", "resolved_at")
MOMENT_TYPES = (pl.String, pl.Datetime, pl.Date, pl.Null)
NAMES = ("issue_id", "duplicate_of")
KINDS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    ".parquet": pl.scan_parquet,
    ".csv": partial(pl.scan_csv, infer_schema=False),
    ".jsonl": partial(pl.scan_ndjson, infer_schema_length=None),
    ".ndjson": partial(pl.scan_ndjson, infer_schema_length=None),
}
"""Read as a whole before it is decided what a column holds: the first hundred reports may name no duplicate."""
FIXED = ("fixed", "done", "complete", "completed", "implemented", "resolved", "delivered")
"""How trackers say that a report was worked on by itself."""
UNRESOLVED = "link-unresolved"
"""Says in the column `duplicate_source` that nobody has confirmed the link."""
LETTER = r"[^\W_]"
"""Or a digit; what stands beside a name is none of it: files are called `HIVE-12-v2.patch` and `fix_HIVE-12`."""
BEFORE_NUMBER = r"(?:#|\b(?:ticket|bug|issue|duplicate of|dup of|id)s?[\s:#/=]{0,3}|/)"


class HistoryError(InvalidError):
    """A file tells no history of duplicates."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path} tells no history of duplicates: {problem}")


@dataclass(frozen=True, slots=True)
class Link:
    """That two reports are the same bug, by their rows.

    Attributes:
        known: From when on it was known, in seconds since 1970: when the one that names the other, mostly the newer
            one, was closed; infinite if it is open.
    """

    older: int
    newer: int
    known: float


@dataclass(frozen=True)
class History:
    """Reports, the oldest first.

    Attributes:
        names: How the tracker calls each.
        reports: What each says, without the names of others that are the same bug.
        filed: When, and with which fields.
        clusters: By which row each one's cluster is named: its oldest; shape (reports,).
        links: Which are known to be the same bug, and from when on.
        doubtful: Rows of reports that somebody called duplicates, but of what the file does not tell.
        settled: Rows of reports without a link that were fixed by themselves, and so are bugs of their own.
    """

    names: tuple[str, ...]
    reports: tuple[Report, ...]
    filed: tuple[Filed, ...]
    clusters: NDArray[np.int64]
    links: tuple[Link, ...]
    doubtful: frozenset[int] = frozenset()
    settled: frozenset[int] = frozenset()

    def __len__(self) -> int:
        """Return how many reports there are."""
        return len(self.names)

    @cached_property
    def queries(self) -> tuple[int, ...]:
        """The rows of reports of which an older one of the same bug exists."""
        created = np.array([each.created for each in self.filed])
        return tuple(int(row) for row in range(len(self)) if created[self.clusters[row]] < created[row])

    def list_older(self, row: int) -> NDArray[np.int64]:
        """Return the rows of older reports of the same bug."""
        same = np.flatnonzero(self.clusters[: row + 1] == self.clusters[row])
        moment = self.filed[row].created
        return np.array([each for each in same if self.filed[each].created < moment], dtype=np.int64)


def read_history(path: Path) -> History:
    """Return what a file tells.

    Links are joined into clusters whichever way they point; those that nobody has confirmed, and those to reports that
    are not in the file, are left out. From each report of a cluster the names of the others are taken out.

    Args:
        path: Parquet, CSV or JSON lines with `issue_id`, `title`, `created_at`, `duplicate_of`; optional are
            `description`, `resolution`, `resolved_at`, `duplicate_source` and the fields of the index.

    Raises:
        HistoryError: The file cannot be read, lacks a column or has no duplicates.
    """
    frame = _read_frame(path)
    names = frame["issue_id"].to_list()
    rows = {name: row for row, name in enumerate(names)}
    filed = tuple(_read_filed(frame))
    links = [_link(one, other, filed) for one, other in _read_pairs(frame, rows)]
    if not links:
        raise HistoryError(path, "no report names another one of the file as its duplicate.")
    doubtful, settled = _sort_unlinked(frame)
    return build_history(names, list(_read_reports(frame)), filed, links, doubtful=doubtful, settled=settled)


def _sort_unlinked(frame: pl.DataFrame) -> tuple[set[int], set[int]]:
    """Return the rows of what is called a duplicate, and of what was fixed by itself."""
    resolutions = frame["resolution"] if "resolution" in frame.columns else [None] * len(frame)
    doubtful, settled = set(), set()
    for row, (target, resolution) in enumerate(zip(frame["duplicate_of"], resolutions, strict=True)):
        said = str(resolution or "").strip().lower()
        if target or "duplicate" in said:
            doubtful.add(row)
        elif said in FIXED:
            settled.add(row)
    return doubtful, settled


def build_history(
    names: Sequence[str],
    reports: Sequence[Report],
    filed: Sequence[Filed],
    links: Iterable[Link],
    *,
    doubtful: Collection[int] = (),
    settled: Collection[int] = (),
) -> History:
    """Return the history of reports, the oldest first, in which those that are linked do not name each other."""
    known = tuple(sorted(links, key=lambda each: each.known))
    clusters = _join(len(names), [(each.older, each.newer) for each in known])
    hidden = _hide_names(list(reports), names, clusters)
    linked = {row for each in known for row in (each.older, each.newer)}
    return History(
        tuple(names),
        tuple(hidden),
        tuple(filed),
        clusters,
        known,
        frozenset(doubtful).difference(linked),
        frozenset(settled).difference(linked),
    )


def _read_frame(path: Path) -> pl.DataFrame:
    read = KINDS.get(path.suffix.lower())
    if read is None:
        raise HistoryError(path, f"it must end in one of {', '.join(KINDS)}.")
    try:
        lazy = read(path)
        present = set(lazy.collect_schema().names())
        if missing := sorted(set(REQUIRED) - present):
            raise HistoryError(path, f"it has no column {', '.join(missing)}.")
        frame = lazy.collect()
        moments = [name for name in MOMENTS if name in present]
        if wrong := [name for name in moments if frame.schema[name].base_type() not in MOMENT_TYPES]:
            raise HistoryError(path, f"{' and '.join(wrong)} must be moments or text in ISO 8601, not numbers.")
        frame = frame.with_columns(
            *(_convert_name(frame, name) for name in NAMES), *(_convert_moment(frame, name) for name in moments)
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        problem, *_ = str(error).partition("\n")
        raise HistoryError(path, f"it cannot be read: {problem}.") from error
    frame = frame.filter((pl.col("issue_id") != "") & pl.col("created_at").is_not_null())
    frame = frame.unique(subset=["issue_id"], keep="first", maintain_order=True)
    if not len(frame):
        raise HistoryError(path, "it has no report with an issue_id and a created_at in ISO 8601.")
    return frame.sort("created_at", maintain_order=True)


def _convert_name(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column of names as text; numbers become floats where some are missing, as pandas writes them."""
    column = pl.col(name)
    return (column.cast(pl.Int64, strict=False) if frame.schema[name].is_float() else column).cast(pl.String)


def _convert_moment(frame: pl.DataFrame, name: str) -> pl.Expr:
    """Return a column of moments as seconds since 1970; none where a text is not one."""
    if frame.schema[name] == pl.String:
        return pl.col(name).map_elements(_read_moment, return_dtype=pl.Float64)
    return (pl.col(name).cast(pl.Datetime("us")).dt.epoch("us") / 1e6).alias(name)


def _read_moment(text: str) -> float | None:
    """Read a moment in ISO 8601, in UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _read_filed(frame: pl.DataFrame) -> Iterator[Filed]:
    columns = {name: frame[name].to_list() for name in FIELDS if name in frame.columns}
    closed = frame["resolved_at"] if "resolved_at" in frame.columns else [None] * len(frame)
    for row, (created, done) in enumerate(zip(frame["created_at"], closed, strict=True)):
        values = {name: column[row] for name, column in columns.items()}
        fields = {name: str(value) for name, value in values.items() if value is not None and value != ""}
        yield Filed(float(created), NEVER if done is None else float(done), fields)


def _read_pairs(frame: pl.DataFrame, rows: dict[str, int]) -> Iterator[tuple[int, int]]:
    sources = frame["duplicate_source"] if "duplicate_source" in frame.columns else [None] * len(frame)
    for row, (target, source) in enumerate(zip(frame["duplicate_of"], sources, strict=True)):
        other = rows.get(target)
        if other is not None and other != row and source != UNRESOLVED:
            yield row, other


def _link(one: int, other: int, filed: Sequence[Filed]) -> Link:
    """The first names the second as its duplicate, and did so when it was closed."""
    older, newer = sorted((one, other))
    return Link(older, newer, max(filed[one].closed, filed[newer].created))


def _join(amount: int, pairs: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    parents = list(range(amount))

    def find(row: int) -> int:
        while parents[row] != row:
            parents[row] = parents[parents[row]]
            row = parents[row]
        return row

    for one, other in pairs:
        first, second = sorted((find(one), find(other)))
        parents[second] = first
    return np.array([find(row) for row in range(amount)], dtype=np.int64)


def _read_reports(frame: pl.DataFrame) -> Iterator[Report]:
    descriptions = frame["description"] if "description" in frame.columns else [None] * len(frame)
    for title, description in zip(frame["title"], descriptions, strict=True):
        yield Report(str(title or ""), str(description or ""))


def _hide_names(reports: list[Report], names: Sequence[str], clusters: NDArray[np.int64]) -> list[Report]:
    members: dict[int, list[int]] = {}
    sizes = np.bincount(clusters, minlength=len(names))
    for row in np.flatnonzero(sizes[clusters] > 1).tolist():
        members.setdefault(int(clusters[row]), []).append(row)
    for rows in members.values():
        own = {names[row].lower() for row in rows}
        named = _compile_names(own)
        for row in rows:
            title, description = (_hide(text, named, own) for text in (reports[row].title, reports[row].description))
            reports[row] = replace(reports[row], title=title, description=description)
    return reports


def _compile_names(names: Iterable[str]) -> re.Pattern[str]:
    """Return what may be one of some names; one that is a mere number only where something says that it names a report.

    It lists what stands before the names' numbers and not the names: there may be a thousand.
    """
    prefixes = {name.rstrip("0123456789") for name in names} - {""}
    several = "|".join(re.escape(each) for each in sorted(prefixes, key=len, reverse=True))
    named = [rf"{BEFORE_NUMBER}(?P<number>[0-9]+)", rf"(?<!{LETTER})(?P<name>(?:{several})[0-9]*)"]
    return re.compile(rf"(?:{'|'.join(named if prefixes else named[:1])})(?!{LETTER})", re.IGNORECASE)


def _hide(text: str, named: re.Pattern[str], names: Collection[str]) -> str:
    return named.sub(lambda found: " " if str(found[found.lastgroup or 0]).lower() in names else found[0], text)
