"""Reading Jira's CSV: its rows become records as its REST search gives them."""

from collections.abc import Iterator
from typing import Any

from bugflow.tracker.imports.csv_tables import Row, read_moment, read_table
from bugflow.tracker.imports.parsing import Record
from bugflow.tracker.imports.records import NotCarried
from bugflow.tracker.imports.text_files import TextFile

REQUIRED = ("Issue key", "Summary", "Created")

KNOWN = {
    *("issue key", "issue id", "summary", "description", "environment", "issue type", "status", "status category"),
    *("project key", "project name", "project type", "priority", "resolution", "assignee", "reporter", "creator"),
    *("created", "updated", "resolved", "due date", "component/s", "components", "labels", "affects version/s"),
    *("affects versions", "fix version/s", "fix versions", "original estimate", "time spent", "comment", "severity"),
    *("custom field (severity)", "custom field (story points)", "custom field (story point estimate)", "attachment"),
    *("assignee id", "reporter id", "creator id", "project lead", "project description", "project url", "last viewed"),
    *("project lead id", "watchers", "watchers id", "sprint", "remaining estimate", "work ratio", "votes"),
}
LEFT = {"watchers": "watchers", "sprint": "memberships in sprints", "votes": "field votes", "parent": "field parent"}


def read_jira_csv(file: TextFile, left: NotCarried) -> Iterator[Record]:
    """Yield records.

    Raises:
        ImportFileError: It is no such table.
    """
    for row in read_table(file, "Jira", REQUIRED, left):
        key = row.first("issue key")
        _count_left(row, key, left)
        yield {"key": key, "fields": _read_fields(row)}


def _read_fields(row: Row) -> dict[str, Any]:
    def named(*columns: str) -> list[dict[str, str]]:
        return [{"name": each} for each in row.all(*columns)]

    category = row.first("status category").lower()
    keys = {"done": "done", "in progress": "indeterminate"}
    return {
        "summary": row.first("summary"),
        "description": row.first("description"),
        "environment": row.first("environment"),
        "issuetype": {"name": row.first("issue type")},
        "status": {"name": row.first("status"), "statusCategory": {"key": keys.get(category, "")}},
        "project": {"key": row.first("project key"), "name": row.first("project name")},
        "priority": {"name": row.first("priority")},
        "severity": {"name": row.first("severity", "custom field (severity)")},
        "resolution": {"name": row.first("resolution")} if row.first("resolution") else None,
        "assignee": _person(row.first("assignee")),
        "reporter": _person(row.first("reporter", "creator")),
        "created": read_moment(row.first("created")),
        "updated": read_moment(row.first("updated")),
        "resolutiondate": read_moment(row.first("resolved")),
        "duedate": (read_moment(row.first("due date")) or "")[:10],
        "components": named("component/s", "components"),
        "labels": [label for cell in row.all("labels") for label in cell.split()],
        "versions": named("affects version/s", "affects versions"),
        "fixVersions": named("fix version/s", "fix versions"),
        "timeoriginalestimate": row.first("original estimate"),
        "timespent": row.first("time spent"),
        "storyPoints": row.first("custom field (story points)", "custom field (story point estimate)"),
        "attachment": row.all("attachment"),
        "comment": {"comments": list(_read_comments(row))},
        "issuelinks": list(_read_links(row)),
    }


def _person(name: str) -> dict[str, str] | None:
    return {"name": name, "displayName": name, "emailAddress": name if "@" in name else ""} if name else None


def _read_comments(row: Row) -> Iterator[dict[str, Any]]:
    for number, cell in enumerate(row.all("comment"), start=1):
        at, _, rest = cell.partition(";")
        author, _, body = rest.partition(";")
        moment = read_moment(at)
        if moment is None:  # An older Jira writes only the text.
            yield {"id": f"{row.first('issue key')}#{number}", "body": cell}
        else:
            comment = {"id": f"{row.first('issue key')}#{number}", "body": body, "created": moment}
            yield comment | {"author": _person(author)}


def _read_links(row: Row) -> Iterator[dict[str, Any]]:
    for column in row.cells:
        for direction in ("inward", "outward"):
            if column.startswith(f"{direction} issue link (") and column.endswith(")"):
                kind = column[len(f"{direction} issue link (") : -1]
                yield from ({"type": {"name": kind}, f"{direction}Issue": {"key": key}} for key in row.all(column))


def _count_left(row: Row, key: str, left: NotCarried) -> None:
    for column in row.cells:
        amount = len(row.all(column))
        if amount and column in LEFT:
            left.add(LEFT[column], key, amount)
        elif amount and column not in KNOWN and " issue link (" not in column:
            left.add(f"column {column!r}", key, amount)
