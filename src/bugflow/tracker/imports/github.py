"""Reading GitHub: the REST API's lists of issues, comments and events."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.github_events import read_changes
from bugflow.tracker.imports.parsing import Record, iterate_records, list_of, load_json, mapping, parse_moment, text_of
from bugflow.tracker.imports.records import ImportedComment, ImportedIssue, ImportedLink, ImportedUser, NotCarried
from bugflow.tracker.imports.vocabulary import RESOLUTIONS, read_label

_REPOSITORY = re.compile(r"/repos/([^/\s]+)/([^/\s]+)")
_ISSUE_NUMBER = re.compile(r"(?:/repos/([^/\s]+/[^/\s]+))?/issues/(\d+)")
_DUPLICATE = re.compile(r"^\s*duplicate of\s+(?:#|\S*/issues/)(\d{1,18})\b", re.IGNORECASE | re.MULTILINE)
NOBODY = ImportedUser("ghost", "Deleted account")


def read_github(files: list[bytes], left: NotCarried) -> Iterator[ImportedIssue]:
    """Yield issues from lists of issues and, in any order, of comments and events; pull requests are skipped.

    Raises:
        ImportFileError: A file is none of these.
    """
    issues: list[Record] = []
    comments: dict[str, list[Record]] = {}
    events: dict[str, list[Record]] = {}
    for record in chain.from_iterable(map(_read_file, files)):
        if "issue_url" in record:
            comments.setdefault(_key_in(record["issue_url"]), []).append(record)
        elif "event" in record and "number" not in record:
            events.setdefault(_key_in(mapping(record.get("issue")).get("url")), []).append(record)
        else:
            issues.append(record)
    if issues and not any("number" in record for record in issues):
        raise ImportFileError("GitHub", "no record has a number; export GET /repos/OWNER/NAME/issues")
    for record in issues:
        issue = _read_issue(record, _pop(comments, record), _pop(events, record), left)
        if issue is not None:
            yield issue
    for number, rest in comments.items():
        left.add("comments of pull requests and of issues that are not in the file", number, len(rest))
    for number, rest in events.items():
        left.add("events of pull requests and of issues that are not in the file", number, len(rest))


def _read_file(content: bytes) -> Iterator[Record]:
    value = load_json(content, "GitHub")
    if isinstance(value, dict):
        value = [value] if "number" in value else [each for batch in value.values() for each in list_of(batch)]
    if not isinstance(value, list):
        raise ImportFileError("GitHub", "it should be a list of issues or of comments")
    yield from iterate_records(value)


def _key_in(url: object) -> str:
    """Return `owner/name#7` in small letters, `#7` without a repository, nothing without an issue."""
    found = _ISSUE_NUMBER.search(str(url))
    return f"{found.group(1) or ''}#{found.group(2)}".lower() if found else ""


def _pop(parts: dict[str, list[Record]], issue: Record) -> list[Record]:
    number = issue.get("number")
    return [*parts.pop(f"{'/'.join(_repository(issue))}#{number}".lower(), []), *parts.pop(f"#{number}", [])]


def _repository(record: Record) -> tuple[str, str]:
    found = _REPOSITORY.search(f"{record.get('repository_url')} {record.get('url')}")
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
