"""Reading CSV exports: any delimiter, columns that repeat, rows that are broken."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.records import NotCarried
from bugflow.tracker.imports.text_files import TextFile, iterate_lines

if TYPE_CHECKING:
    from _csv import Reader

LONGEST_CELL = 50_000_000
LONGEST_HEAD = 1_000_000
DELIMITERS = ",;\t|"
MOMENTS = (
    "%d/%b/%y %I:%M %p",
    "%d/%b/%Y %I:%M %p",
    "%d/%b/%y %H:%M",
    "%d/%b/%Y %H:%M",
    "%d/%b/%y",
    "%d/%b/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%b %d, %Y %I:%M %p",
    "%b %d, %Y",
)
"""How trackers write moments that are not ISO 8601. Month/day/year cannot be told from day/month/year: not read."""


@dataclass(frozen=True)
class Row:
    """A row; a column may stand in it several times. Columns are looked up without regard to case."""

    line: int
    cells: Mapping[str, tuple[str, ...]]

    def first(self, *columns: str) -> str:
        """Return the first cell with text under the first of these columns that has any."""
        return next(iter(self.all(*columns)), "")

    def all(self, *columns: str) -> list[str]:
        """Return every cell with text under these columns."""
        return [cell for column in columns for cell in self.cells.get(column.lower(), ()) if cell.strip()]


def is_table(file: TextFile) -> bool:
    """Whether a file is a table rather than JSON."""
    return not file.beginning(length=2000).lstrip("\ufeff \r\n\t").startswith(("{", "["))


def read_table(file: TextFile, source: str, required: tuple[str, ...], left: NotCarried) -> Iterator[Row]:
    """Yield the rows of a CSV file; broken ones are counted with their lines and left out.

    Raises:
        ImportFileError: It is no table, or lacks a column that is needed.
    """
    csv.field_size_limit(LONGEST_CELL)
    first = file.beginning(length=LONGEST_HEAD, until="\n")
    delimiter = max(DELIMITERS, key=first.count)
    chunks = (chunk.replace("\0", "") for chunk in file.chunks())
    reader = csv.reader(iterate_lines(chunks, source, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = [column.strip().lower() for column in next(reader, [])]
        missing = [column for column in required if column.lower() not in columns]
        if missing:
            raise ImportFileError(source, f"it is no JSON, and as CSV it lacks the column {missing[0]!r}")
    except csv.Error as error:
        raise ImportFileError(source, f"it is no JSON, and its first line is no CSV: {error}") from error
    for cells in _iterate_rows(reader, left):
        if len(cells) > len(columns):
            left.add("rows with more cells than columns", f"line {reader.line_num}")
        elif any(cell.strip() for cell in cells):
            yield Row(reader.line_num, _by_column(columns, cells))


def _iterate_rows(reader: "Reader", left: NotCarried) -> Iterator[list[str]]:
    """Yield rows; after a broken one the reader goes on with the next line."""
    while True:
        first = reader.line_num + 1
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num
            lines = f"line {first}" if last <= first else f"lines {first} to {last}"
            left.add("rows that are no CSV", f"{lines}: {error}")


def _by_column(columns: list[str], cells: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for column, cell in zip(columns, cells, strict=False):
        found[column] = (*found.get(column, ()), cell)
    return found


def read_moment(text: str) -> str | None:
    """Return a moment in ISO 8601, or none where it cannot be read; without a zone it is taken to be in UTC."""
    text = " ".join(text.split())
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        pass
    for form in MOMENTS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC).isoformat()
        except ValueError:
            continue
    return None
