"""Reading BugFlow's own exports, JSON lines or JSON, as `bugflow export` writes them."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.json_files import JsonFile
from bugflow.tracker.imports.parsing import (
    Record,
    exact_text_of,
    iterate_records,
    list_of,
    mapping,
    parse_moment,
    parse_number,
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
from bugflow.tracker.issues.vocabulary import ISSUE_TYPES, PRIORITIES, RELATION_KINDS, RESOLUTIONS, STATUSES

NOBODY = ImportedUser("nobody", "Nobody")


def read_bugflow(files: Sequence[ExportFile], left: NotCarried) -> Iterator[ImportedIssue]:
    """Yield issues from exports.

    Raises:
        ImportFileError: A file is no such export.
    """
    for file in map(recognise, files):
        if not file.is_blank():
            yield from _read_file(file, left)


def _read_file(file: TextFile, left: NotCarried) -> Iterator[ImportedIssue]:
    is_ours = True
    for element in JsonFile(file, "BugFlow").elements(unless="it should hold issues as `bugflow export` writes them"):
        record = element.value()
        if isinstance(record, dict):
            is_ours &= "key" in record and "title" in record
            issue = _read_issue(record, left) if is_ours else None
            if issue is not None:
                yield issue
    if not is_ours:
        raise ImportFileError("BugFlow", "a record has no key or no title; export by `bugflow export`")


def _read_issue(record: Record, left: NotCarried) -> ImportedIssue | None:
    key, created = exact_text_of(record["key"]), parse_moment(record.get("created_at"))
    project = exact_text_of(record.get("project")) or key.rpartition("-")[0]
    if not key or not project or not exact_text_of(record["title"]).strip() or created is None:
        left.add("records without key, title or moment of creation", key)
        return None
    for field, what in (("sprint", "memberships in sprints"), ("attachments", "attachments (an export has no files)")):
        if record.get(field):
            left.add(what, key, len(list_of(record[field])) or 1)
    return ImportedIssue(
        source_id=exact_text_of(record.get("uuid")) or key,
        key=key,
        project_key=project,
        project_name=project,
        title=exact_text_of(record["title"]),
        description=exact_text_of(record.get("description")),
        stack_trace=exact_text_of(record.get("stack_trace")),
        environment=exact_text_of(record.get("environment")),
        restricted=record.get("restricted") is True,
        reporter=_read_user(record.get("reporter")),
        assignee=_read_user(record["assignee"]) if record.get("assignee") else None,
        created_at=created,
        updated_at=parse_moment(record.get("updated_at")) or created,
        issue_type=_word(record.get("issue_type"), ISSUE_TYPES) or "bug",
        status=_word(record.get("status"), STATUSES) or "open",
        resolution=_word(record.get("resolution"), RESOLUTIONS),
        severity=exact_text_of(record.get("severity")) or None,
        team=exact_text_of(record.get("team")) or None,
        priority=_word(record.get("priority"), PRIORITIES),
        component=exact_text_of(record.get("component")) or None,
        labels=tuple(exact_text_of(each) for each in list_of(record.get("labels")) if exact_text_of(each).strip()),
        resolved_at=parse_moment(record.get("resolved_at")),
        closed_at=parse_moment(record.get("closed_at")),
        due_on=exact_text_of(record.get("due_on")) or None,
        story_points=parse_number(record.get("story_points")),
        estimated_hours=parse_number(record.get("estimated_hours")),
        actual_hours=parse_number(record.get("actual_hours")),
        url=exact_text_of(record.get("source_url")) or None,
        comments=tuple(_read_comments(record, created)),
        changes=tuple(_read_changes(record)),
        links=tuple(_read_links(record)),
    )


def _word(value: object, known: tuple[str, ...]) -> str | None:
    return value if isinstance(value, str) and value in known else None


def _read_user(value: object) -> ImportedUser:
    user = mapping(value)
    email, name = exact_text_of(user.get("email")) or None, exact_text_of(user.get("name"))
    login = exact_text_of(user.get("id")) or email or name
    return ImportedUser(login, name or login, email) if login else NOBODY


def _read_comments(record: Record, fallback: datetime) -> Iterator[ImportedComment]:
    for each in iterate_records(record.get("comments")):
        created = parse_moment(each.get("created_at")) or fallback
        updated = parse_moment(each.get("updated_at")) or created
        author, body = _read_user(each.get("author")), exact_text_of(each.get("body"))
        yield ImportedComment(exact_text_of(each.get("id")), author, body, created, updated)


def _read_changes(record: Record) -> Iterator[ImportedChange]:
    for each in iterate_records(record.get("history")):
        at, field = parse_moment(each.get("at")), exact_text_of(each.get("field"))[:30]
        if at is not None and field:
            old, new = (None if each.get(side) is None else exact_text_of(each[side]) for side in ("old", "new"))
            author = _read_user(each["actor"]) if each.get("actor") else None
            yield ImportedChange(author, at, field, old, new)


def _read_links(record: Record) -> Iterator[ImportedLink]:
    for each in iterate_records(record.get("relations")):
        kind, target = exact_text_of(each.get("kind")), exact_text_of(each.get("target"))
        if kind in RELATION_KINDS and target:
            yield ImportedLink(kind, target)
