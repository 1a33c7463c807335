"""The audit log as CSV and JSON lines."""

import json
from collections.abc import Iterable, Iterator, Sequence

from bugflow.core.tabular import write_rows
from bugflow.tracker.audit.schemas import AuditEntryRead
from bugflow.tracker.audit.tables import AuditEntry

COLUMNS = list(AuditEntryRead.model_fields)


def write_csv(batches: Iterable[Sequence[AuditEntry]]) -> Iterator[str]:
    """Return the lines of a CSV file, with a heading; no cell is a formula to a spreadsheet."""
    yield write_rows([COLUMNS])
    for batch in batches:
        yield write_rows([_to_cells(entry) for entry in batch])


def write_jsonl(batches: Iterable[Sequence[AuditEntry]]) -> Iterator[str]:
    """Return one line of JSON per entry."""
    for batch in batches:
        yield "".join(AuditEntryRead.model_validate(entry).model_dump_json() + "\n" for entry in batch)


def _to_cells(entry: AuditEntry) -> list[str]:
    values = AuditEntryRead.model_validate(entry).model_dump(mode="json")
    return [_to_text(values[column]) for column in COLUMNS]


def _to_text(value: object) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
