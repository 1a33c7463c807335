"""Reading Bugzilla's buglist.csv: its rows become records as its REST API gives them."""

from collections.abc import Iterator

from bugflow.tracker.imports.csv_tables import Row, read_moment, read_table
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.parsing import Record
from bugflow.tracker.imports.records import NotCarried
from bugflow.tracker.imports.text_files import TextFile

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("bug_id", "bug id", "id"),
    "summary": ("short_desc", "summary"),
    "product": ("product",),
    "component": ("component",),
    "assigned_to": ("assigned_to", "assignee"),
    "creator": ("reporter",),
    "status": ("bug_status", "status"),
    "resolution": ("resolution",),
    "severity": ("bug_severity", "severity"),
    "type": ("bug_type", "type"),
    "priority": ("priority",),
    "version": ("version",),
    "platform": ("rep_platform", "hardware", "platform"),
    "op_sys": ("op_sys", "os"),
    "url": ("bug_file_loc", "url"),
    "deadline": ("deadline",),
    "estimated_time": ("estimated_time", "orig. est."),
    "actual_time": ("actual_time", "hours worked"),
    "whiteboard": ("status_whiteboard", "whiteboard"),
    "target_milestone": ("target_milestone", "milestone"),
    "qa_contact": ("qa_contact", "qa contact"),
    "votes": ("votes",),
}
OPENED, CHANGED, RESOLVED = ("opendate", "opened"), ("changeddate", "changed"), ("cf_last_resolved", "last resolved")
KEYWORDS = ("keywords",)
KNOWN = {*OPENED, *CHANGED, *RESOLVED, *KEYWORDS, *(column for names in COLUMNS.values() for column in names)}


def read_bugzilla_csv(file: TextFile, left: NotCarried) -> Iterator[Record]:
    """Yield records; a list without opening dates takes the last change for it, and says so.

    Raises:
        ImportFileError: It is no such table.
    """
    first = True
    for row in read_table(file, "Bugzilla", (), left):
        if first and not (row.cells.keys() & set(COLUMNS["id"]) and row.cells.keys() & set(COLUMNS["summary"])):
            raise ImportFileError("Bugzilla", "it is no JSON, and as CSV it lacks the bugs' numbers or summaries")
        first = False
        yield _read_row(row, left)


def _read_row(row: Row, left: NotCarried) -> Record:
    record: Record = {field: row.first(*columns) for field, columns in COLUMNS.items()}
    record["op_sys"], record["platform"] = record["op_sys"] or "All", record["platform"] or "All"
    record["version"] = record["version"] or "unspecified"
    changed, opened = read_moment(row.first(*CHANGED)), read_moment(row.first(*OPENED))
    if opened is None and changed is not None:
        left.add("opening dates (the list has none; the last change stands in)", record["id"])
    record |= {"creation_time": opened or changed, "last_change_time": changed}
    record["cf_last_resolved"] = read_moment(row.first(*RESOLVED))
    record["keywords"] = [word.strip() for word in row.first(*KEYWORDS).split(",") if word.strip()]
    if record["votes"] == "0":
        record["votes"] = ""
    for column in row.cells:
        if column not in KNOWN and row.all(column):
            left.add(f"column {column!r}", record["id"])
    return record
