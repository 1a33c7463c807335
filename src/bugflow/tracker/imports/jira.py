"""Reading Jira: answers of its REST search, of Server and of Cloud, and its CSV export."""

import re
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime

from bugflow.tracker.imports.csv_tables import is_table
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.jira_csv import read_jira_csv
from bugflow.tracker.imports.jira_markup import to_markdown
from bugflow.tracker.imports.json_files import JsonFile
from bugflow.tracker.imports.json_text import JsonText
from bugflow.tracker.imports.parsing import (
    Record,
    iterate_records,
    mapping,
    parse_moment,
    parse_number,
    parse_seconds,
    text_of,
)
from bugflow.tracker.imports.records import (
    ImportedChange,
    ImportedComment,
    ImportedIssue,
    ImportedLink,
    ImportedUser,
    NotCarried,
)
from bugflow.tracker.imports.text_files import ExportFile, TextFile, recognise
from bugflow.tracker.imports.vocabulary import ISSUE_TYPES, PRIORITIES, RESOLUTIONS, SEVERITIES

NOBODY = ImportedUser("anonymous", "Anonymous")
SECONDS_AN_HOUR = 3600
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]+-\d+")
_LINK_KINDS = {
    "duplicate": ("duplicate_of", True),
    "blocks": ("blocks", True),
    "blocker": ("blocks", True),
    "depends": ("blocks", False),
    "dependency": ("blocks", False),
}
"""What a kind of link means, and whether it goes outwards; each stands in both issues."""
_HISTORY_FIELDS = {
    "status": "status",
    "resolution": "resolution",
    "priority": "priority",
    "severity": "severity",
    "assignee": "assignee",
    "summary": "title",
    "component": "component",
    "sprint": "sprint",
    "story points": "story_points",
    "issuetype": "issue_type",
    "labels": "labels",
}


def read_jira(files: Sequence[ExportFile], left: NotCarried) -> Iterator[ImportedIssue]:
    """Yield issues from answers of the search or CSV exports; keys are kept.

    Raises:
        ImportFileError: A file is not such an answer.
    """
    for file in map(recognise, files):
        records = read_jira_csv(file, left) if is_table(file) else _read_answer(file)
        for record in records:
            issue = _read_issue(record, left)
            if issue is not None:
                yield issue


def _read_answer(file: TextFile) -> Iterator[Record]:
    are_answers = True
    for page in JsonFile(file, "Jira").elements(unless="it should be the answer of GET /rest/api/2/search"):
        if page.peek() == "{":
            are_answers &= yield from _read_page(page)
        else:
            page.skip()
    if not are_answers:
        raise ImportFileError("Jira", 'it has no "issues"; export GET /rest/api/2/search')


def _read_page(page: JsonText) -> Generator[Record, None, bool]:
    """Yield the issues of an answer, or the one that it is; return whether it is either."""
    beginning, alone, issues_seen = page.position, Record(), False
    for name in page.members():
        if name != "issues":
            if issues_seen:
                page.skip()
            else:
                alone[name] = page.value()
                page.require_small(beginning)
            continue
        if issues_seen:
            raise page.refuse('it has "issues" twice in one answer; export each answer into a file of its own')
        issues_seen, alone = True, Record()
        if page.peek() == "[":
            yield from page.records()
        else:
            page.skip()
    if not issues_seen and "fields" in alone:
        yield alone
    return issues_seen or "fields" in alone


def _read_issue(record: Record, left: NotCarried) -> ImportedIssue | None:
    key, fields = text_of(record.get("key")), mapping(record.get("fields"))
    created = parse_moment(fields.get("created"))
    if not _KEY.fullmatch(key) or not text_of(fields.get("summary")).strip() or created is None:
        left.add("records that are no issues (no key, summary or creation date)", key)
        return None
    status, resolved = _read_status(fields), parse_moment(fields.get("resolutiondate"))
    finished = status in {"resolved", "closed"}
    updated = parse_moment(fields.get("updated")) or created
    components = [text_of(each.get("name")) for each in iterate_records(fields.get("components"))]
    project = mapping(fields.get("project"))
    project_key = text_of(project.get("key")) or key.rsplit("-", 1)[0]
    _count_left(fields, key, left)
    resolved_at = (resolved or updated) if finished else None
    return ImportedIssue(
        source_id=key,
        key=key,
        project_key=project_key,
        project_name=text_of(project.get("name")) or project_key,
        title=text_of(fields["summary"]),
        description=to_markdown(fields.get("description")),
        environment=to_markdown(fields.get("environment")),
        reporter=_read_user(fields.get("reporter") or fields.get("creator")),
        assignee=_read_user(fields["assignee"]) if fields.get("assignee") else None,
        created_at=created,
        updated_at=updated,
        issue_type=ISSUE_TYPES.get(_name(fields.get("issuetype")), "task"),
        status=status,
        resolution=_read_resolution(fields, key, left) if finished else None,
        severity=SEVERITIES.get(_name(fields.get("severity"))),
        priority=PRIORITIES.get(_name(fields.get("priority"))),
        component=components[0] if components else None,
        labels=tuple(_read_labels(fields, components[1:])),
        resolved_at=resolved_at,
        closed_at=resolved_at if status == "closed" else None,
        due_on=text_of(fields.get("duedate")) or None,
        story_points=parse_number(fields.get("storyPoints", fields.get("customfield_10016"))),
        estimated_hours=_hours(fields.get("timeoriginalestimate")),
        actual_hours=_hours(fields.get("timespent")),
        url=None,
        comments=tuple(_read_comments(fields, created)),
        changes=tuple(_read_changes(record, left)),
        links=tuple(_read_links(fields, key, left)),
    )


def _name(value: object) -> str:
    return text_of(mapping(value).get("name", value if isinstance(value, str) else "")).strip().lower()


def _hours(value: object) -> float | None:
    seconds = parse_seconds(value)
    return None if seconds is None else round(seconds / SECONDS_AN_HOUR, 2)


def _read_status(fields: Record) -> str:
    status = mapping(fields.get("status"))
    category = text_of(mapping(status.get("statusCategory")).get("key"))
    name = _name(status)
    if category == "done" or name in {"closed", "resolved", "done"}:
        return "resolved" if name == "resolved" else "closed"
    return "in_progress" if category == "indeterminate" or name in {"in progress", "in review"} else "open"


def _read_resolution(fields: Record, key: str, left: NotCarried) -> str:
    name = _name(fields.get("resolution"))
    if name and name not in RESOLUTIONS:
        left.add(f"the resolution {name!r} (imported as fixed)", key)
    return RESOLUTIONS.get(name, "fixed")


def _read_labels(fields: Record, components: list[str]) -> Iterator[str]:
    labels = fields.get("labels")
    yield from (text_of(label) for label in (labels if isinstance(labels, list) else []) if text_of(label).strip())
    yield from (f"component:{name}" for name in components)
    yield from (f"affects:{_name(each)}" for each in iterate_records(fields.get("versions")) if _name(each))
    yield from (f"fixed-in:{_name(each)}" for each in iterate_records(fields.get("fixVersions")) if _name(each))


def _count_left(fields: Record, key: str, left: NotCarried) -> None:
    for field, what in (
        ("attachment", "attachments (the export has only their names)"),
        ("subtasks", "links to sub-tasks"),
        ("closedSprints", "memberships in closed sprints"),
        ("worklog", "work logs"),
    ):
        value = fields.get(field)
        if value:
            left.add(what, key, len(value) if isinstance(value, list) else 1)
    for field in ("parent", "epic", "votes"):
        if fields.get(field):
            left.add(f"field {field}", key)
    for field, value in fields.items():
        if field.startswith("customfield_") and value not in (None, [], {}) and field != "customfield_10016":
            left.add(f"field {field}", key)


def _read_user(value: object) -> ImportedUser:
    user = mapping(value)
    login = text_of(user.get("name") or user.get("accountId") or user.get("key") or user.get("displayName"))
    if not login:
        return NOBODY
    return ImportedUser(login, text_of(user.get("displayName")) or login, text_of(user.get("emailAddress")) or None)


def _read_comments(fields: Record, fallback: datetime) -> Iterator[ImportedComment]:
    for record in iterate_records(mapping(fields.get("comment")).get("comments")):
        body = to_markdown(record.get("body"))
        if body:
            created = parse_moment(record.get("created")) or fallback
            yield ImportedComment(
                source_id=text_of(record.get("id")),
                author=_read_user(record.get("author")),
                body=body,
                created_at=created,
                updated_at=parse_moment(record.get("updated")) or created,
            )


def _read_changes(record: Record, left: NotCarried) -> Iterator[ImportedChange]:
    for entry in iterate_records(mapping(record.get("changelog")).get("histories")):
        at = parse_moment(entry.get("created"))
        for item in iterate_records(entry.get("items")):
            field = _HISTORY_FIELDS.get(text_of(item.get("field")).lower())
            if field is None or at is None:
                left.add("history of fields that BugFlow does not have", text_of(record.get("key")))
                continue
            old, new = text_of(item.get("fromString")) or None, text_of(item.get("toString")) or None
            yield ImportedChange(_read_user(entry.get("author")), at, field, old, new)


def _read_links(fields: Record, key: str, left: NotCarried) -> Iterator[ImportedLink]:
    for record in iterate_records(fields.get("issuelinks")):
        name = _name(record.get("type"))
        outward = "outwardIssue" in record
        other = text_of(mapping(record.get("outwardIssue") or record.get("inwardIssue")).get("key"))
        if not other:
            continue
        kind, from_outward = _LINK_KINDS.get(name, ("relates_to", True))
        if kind == "relates_to" and name not in {"relates", "reference", "cloners"}:
            left.add(f"the kind of link {name!r} (imported as relates to)", key)
        if outward == from_outward:
            yield ImportedLink(kind, other)
