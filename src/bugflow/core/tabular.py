"""CSV that no spreadsheet runs."""

import csv
import io
from collections.abc import Iterable, Sequence

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutralise_cell(text: str) -> str:
    """Return a cell's text with an apostrophe before it, where a spreadsheet could take it for a formula."""
    return "'" + text if text.startswith(FORMULA_STARTS) else text


def write_rows(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV, every cell neutralised."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([neutralise_cell(cell) for cell in row] for row in rows)
    return buffer.getvalue()
