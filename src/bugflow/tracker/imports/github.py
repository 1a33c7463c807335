"""Reading GitHub: the REST API's lists of issues, comments and events."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.github_events import read_changes
from bugflow.tracker.imports.json_files import JsonFile
from bugflow.tracker.imports.json_text import JsonText
from bugflow.tracker.imports.parsing import (
    Record,
    exact_text_of,
    iterate_records,
    list_of,
    mapping,
    parse_moment,
    text_of,
)
from bugflow.tracker.imports.records import ImportedComment, ImportedIssue, ImportedLink, ImportedUser, NotCarried
from bugflow.tracker.imports.spool import RecordSpool, open_record_spool
from bugflow.tracker.imports.text_files import ExportFile, TextFile, recognise
from bugflow.tracker.imports.vocabulary import RESOLUTIONS, read_label

_REPOSITORY = re.compile(r"/repos/([^/\s]+)/([^/\s]+)")
_ISSUE_NUMBER = re.compile(r"(?:/repos/([^/\s]+/[^/\s]+))?/issues/(\d+)")
_DUPLICATE = re.compile(r"^\s*duplicate of\s+(?:#|\S*/issues/)(\d{1,18})\b", re.IGNORECASE | re.MULTILINE)
NOBODY = ImportedUser("ghost", "Deleted account")


def read_github(files: Sequence[ExportFile], left: NotCarried) -> Iterator[ImportedIssue]:
    """Yield issues from lists of issues and, in any order, of comments and events; pull requests are skipped.

    Raises:
        ImportFileError: A file is none of these.
        NoRoomForImportError: There is no room for what has to be put together first.
    """
    with open_record_spool("GitHub") as spool:
        for file in map(recognise, files):
            _read_file(file, spool)
        if spool.has_records() and not any("number" in record for record in spool.records()):
            raise ImportFileError("GitHub", "no record has a number; export GET /repos/OWNER/NAME/issues")
        for record in spool.records():
            issue = _read_issue(record, _take("comments", record, spool), _take("events", record, spool), left)
            if issue is not None:
                yield issue
        for kind in ("comments", "events"):
            for number, amount in spool.left_over(kind):
                left.add(f"{kind} of pull requests and of issues that are not in the file", number, amount)


def _read_file(file: TextFile, spool: RecordSpool) -> None:
    """Keep issues, comments and events; an object is one issue, or lists by their issue's number or by another name."""
    read = JsonFile(file, "GitHub")
    if read.opening != "{":
        _keep_all(read, spool)
        return
    mark = spool.mark()
    for name in read.text.members():
        if name == "number":  # It is one issue after all, and the lists in it are its labels and assignees.
            spool.forget_since(mark)
            _keep_all(JsonFile(file, "GitHub"), spool)
            return
        if read.text.peek() == "[":
            for _ in read.text.elements():
                _keep(read.text, spool)
        else:
            read.text.skip()
    read.text.finish()


def _keep_all(read: JsonFile, spool: RecordSpool) -> None:
    for text in read.elements(unless="it should be a list of issues or of comments"):
        _keep(text, spool)


def _keep(text: JsonText, spool: RecordSpool) -> None:
    record = text.value()
    if not isinstance(record, dict):
        return
    if "issue_url" in record:
        spool.keep_beside("comments", _key_in(record["issue_url"]), _shorten(record))
    elif "event" in record and "number" not in record:
        spool.keep_beside("events", _key_in(mapping(record.get("issue")).get("url")), text.raw)
    else:
        spool.keep(text.raw)


def _shorten(comment: Record) -> str:
    """Return what is read of a comment: most of its text is addresses."""
    short = {name: comment.get(name) for name in ("id", "body", "created_at", "updated_at")}
    return json.dumps(short | {"user": {"login": mapping(comment.get("user")).get("login")}})


def _key_in(url: object) -> str:
    """Return `owner/name#7` in small letters, `#7` without a repository, nothing without an issue."""
    found = _ISSUE_NUMBER.search(exact_text_of(url))
    return f"{found.group(1) or ''}#{found.group(2)}".lower() if found else ""


def _take(kind: str, issue: Record, spool: RecordSpool) -> list[Record]:
    number = exact_text_of(issue.get("number"))
    return [
        *spool.take(kind, f"{'/'.join(_repository(issue))}#{number}".lower()),
        *spool.take(kind, f"#{number}"),
    ]


def _repository(record: Record) -> tuple[str, str]:
    found = _REPOSITORY.search(exact_text_of(f"{record.get('repository_url')} {record.get('url')}"))
    return (found.group(1), found.group(2)) if found else ("github", "GitHub")


def _read_issue(record: Record, comments: list[Record], events: list[Record], left: NotCarried) -> ImportedIssue | None:
    number, created = record.get("number"), parse_moment(record.get("created_at"))
    if "pull_request" in record:
        left.add("pull requests", f"#{number}")
        left.add("comments of pull requests and of issues that are not in the file", f"#{number}", len(comments))
        return None
    if not isinstance(number, int) or not text_of(record.get("title")).strip() or created is None:
        left.add("records without number, title or creation date", f"#{number}")
        return None
    owner, name = _repository(record)
    closed = parse_moment(record.get("closed_at"))
    labels = [text_of(each.get("name")) for each in iterate_records(record.get("labels"))]
    fields = dict(filter(None, map(read_label, labels)))
    _count_left(record, f"#{number}", left)
    is_closed = record.get("state") == "closed"
    links = _duplicates(record, comments, number)
    resolution = RESOLUTIONS.get(text_of(record.get("state_reason")), "fixed")
    return ImportedIssue(
        source_id=f"{owner}/{name}#{number}",
        key=f"#{number}",
        project_key=name,
        project_name=name,
        title=text_of(record["title"]),
        description=text_of(record.get("body")),
        reporter=_read_user(record.get("user")),
        created_at=created,
        updated_at=parse_moment(record.get("updated_at")) or created,
        status="closed" if is_closed else "open",
        resolution=("duplicate" if links else resolution) if is_closed else None,
        severity=fields.get("severity"),
        priority=fields.get("priority"),
        issue_type=fields.get("issue_type", "bug"),
        labels=tuple(label for label in labels if label.strip()),
        assignee=_read_user(record["assignee"]) if record.get("assignee") else None,
        resolved_at=closed if is_closed else None,
        closed_at=closed if is_closed else None,
        url=text_of(record.get("html_url")) or None,
        comments=tuple(_read_comments(comments, created)),
        changes=tuple(read_changes(events, NOBODY, f"#{number}", left)),
        links=links,
    )


def _count_left(record: Record, key: str, left: NotCarried) -> None:
    if len(assignees := list_of(record.get("assignees"))) > 1:
        left.add("further assignees", key, len(assignees) - 1)
    if record.get("milestone"):
        left.add("milestones", key)
    if mapping(record.get("reactions")).get("total_count"):
        left.add("reactions", key)
    if record.get("locked"):
        left.add("locks of conversations", key)


def _read_user(value: object) -> ImportedUser:
    login = text_of(mapping(value).get("login"))
    return ImportedUser(login, login) if login else NOBODY


def _read_comments(comments: list[Record], fallback: datetime) -> Iterator[ImportedComment]:
    for record in comments:
        if not text_of(record.get("body")).strip():
            continue
        created = parse_moment(record.get("created_at")) or fallback
        yield ImportedComment(
            source_id=text_of(record.get("id")),
            author=_read_user(record.get("user")),
            body=text_of(record["body"]),
            created_at=created,
            updated_at=parse_moment(record.get("updated_at")) or created,
        )


def _duplicates(record: Record, comments: list[Record], number: int) -> tuple[ImportedLink, ...]:
    if record.get("state") != "closed":
        return ()
    for text in reversed([text_of(record.get("body")), *(text_of(each.get("body")) for each in comments)]):
        found = _DUPLICATE.search(text)
        if found and int(found.group(1)) != number:
            return (ImportedLink("duplicate_of", f"#{found.group(1)}"),)
    return ()
