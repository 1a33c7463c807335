"""Exports as text: CSV, JSON lines, JSON."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from bugflow.core.tabular import write_rows
from bugflow.tracker.exports.reading import Record
from bugflow.tracker.issues.schemas import IssueRead

Format = Literal["csv", "jsonl", "json"]
MEDIA_TYPES: dict[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "json": "application/json",
}
COLUMNS = list(IssueRead.model_fields)


def write_export(batches: Iterable[list[Record]], form: Format) -> Iterator[str]:
    """Yield the text of an export, batch by batch."""
    writers: dict[str, Callable[[Iterable[list[Record]]], Iterator[str]]] = {
        "csv": _write_csv,
        "jsonl": _write_jsonl,
        "json": _write_json,
    }
    return writers[form](batches)


def _write_csv(batches: Iterable[list[Record]]) -> Iterator[str]:
    yield write_rows([COLUMNS])
    for batch in batches:
        yield write_rows([[_to_cell(record[column]) for column in COLUMNS] for record in batch])


def _to_cell(value: Any) -> str:  # noqa: ANN401 -- JSON.
    if value is None:
        return ""
    if isinstance(value, dict):
        return str(value.get("name", ""))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _write_jsonl(batches: Iterable[list[Record]]) -> Iterator[str]:
    for batch in batches:
        yield "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in batch)


def _write_json(batches: Iterable[list[Record]]) -> Iterator[str]:
    before = "[\n"
    for batch in batches:
        yield before + ",\n".join(json.dumps(record, ensure_ascii=False) for record in batch)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
