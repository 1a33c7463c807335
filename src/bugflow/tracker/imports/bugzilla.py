"""Reading Bugzilla: answers of its REST API, with comments and history inside or beside, and its CSV lists."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from bugflow.tracker.imports.bugzilla_csv import read_bugzilla_csv
from bugflow.tracker.imports.csv_tables import is_table
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.json_files import JsonFile
from bugflow.tracker.imports.json_text import JsonText
from bugflow.tracker.imports.parsing import (
    Record,
    exact_text_of,
    iterate_records,
    list_of,
    mapping,
    parse_moment,
    parse_number,
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
from bugflow.tracker.imports.spool import RecordSpool, open_record_spool
from bugflow.tracker.imports.text_files import ExportFile, TextFile, recognise
from bugflow.tracker.imports.vocabulary import ISSUE_TYPES, PRIORITIES, RESOLUTIONS, SEVERITIES

NOBODY = ImportedUser("nobody", "Nobody")
_STATUSES = {
    "UNCONFIRMED": "open",
    "NEW": "open",
    "CONFIRMED": "open",
    "REOPENED": "open",
    "ASSIGNED": "in_progress",
    "IN_PROGRESS": "in_progress",
    "RESOLVED": "resolved",
    "VERIFIED": "closed",
    "CLOSED": "closed",
}
_HISTORY_FIELDS = {
    "status": "status",
    "resolution": "resolution",
    "priority": "priority",
    "severity": "severity",
    "assigned_to": "assignee",
    "component": "component",
    "summary": "title",
    "keywords": "labels",
}
_LEFT = {
    "attachments": "attachments (the export has only their names)",
    "flags": "flags",
    "votes": "votes",
    "whiteboard": "whiteboards",
    "see_also": "links to other trackers",
    "qa_contact": "QA contacts",
    "target_milestone": "target milestones",
}


def read_bugzilla(files: Sequence[ExportFile], left: NotCarried) -> Iterator[ImportedIssue]:
    """Yield bugs from answers of GET /rest/bug and lists as CSV.

    Comments and history may be inside, or in files of their own: answers of /rest/bug/ID/comment and …/history.

    Raises:
        ImportFileError: A file is none of these.
        NoRoomForImportError: There is no room for what has to be put together first.
    """
    with open_record_spool("Bugzilla") as spool:
        for file in map(recognise, files):
            if is_table(file):
                for record in read_bugzilla_csv(file, left):
                    spool.keep(json.dumps(record))
            else:
                _read_answer(file, spool)
        for record in spool.records():
            beside = _take_companions(exact_text_of(record.get("id")), spool)
            whole = beside | {name: value for name, value in record.items() if value or name not in beside}
            issue = _read_bug(whole, left)
            if issue is not None:
                yield issue
        for number, _ in spool.left_over("comments", "history"):
            left.add("comments and history of bugs that are in no file", number)


def _read_answer(file: TextFile, spool: RecordSpool) -> None:
    """Keep the bugs of an answer, or the comments and history of bugs that are elsewhere."""
    problem = 'it has no "bugs"; export GET /rest/bug'
    read = JsonFile(file, "Bugzilla")
    if read.opening != "{":
        for element in read.elements(unless=problem):
            _keep_bug(element, spool)
        return
    bugs_seen, has_bugs = False, False
    for name in read.text.members():
        if name != "bugs":
            read.text.skip()
        elif bugs_seen:
            raise read.text.refuse('it has "bugs" twice in one answer; export each answer into a file of its own')
        else:
            bugs_seen, has_bugs = True, _read_bugs(read.text, spool)
    read.text.finish()
    if not has_bugs:
        raise ImportFileError("Bugzilla", problem)


def _read_bugs(text: JsonText, spool: RecordSpool) -> bool:
    opening = text.peek()
    if opening == "[":
        for _ in text.elements():
            _keep_bug(text, spool)
    elif opening == "{":
        for number in text.members():
            text.value()
            spool.keep_beside("comments", exact_text_of(number), text.raw)
    else:
        text.skip()
    return opening in {"[", "{"}


def _keep_bug(text: JsonText, spool: RecordSpool) -> None:
    record = text.value()
    if isinstance(record, dict) and "history" in record and "summary" not in record:
        spool.keep_beside("history", exact_text_of(record.get("id")), text.raw)
    elif isinstance(record, dict):
        spool.keep(text.raw)


def _take_companions(number: str, spool: RecordSpool) -> Record:
    beside = Record()
    for kind in ("comments", "history"):
        for record in spool.take(kind, number):
            beside[kind] = mapping(record).get(kind)
    return beside


def _read_bug(record: Record, left: NotCarried) -> ImportedIssue | None:
    number, created = text_of(record.get("id")), parse_moment(record.get("creation_time"))
    if not number.isdigit() or not text_of(record.get("summary")).strip() or created is None:
        left.add("records that are no bugs (no id, summary or creation time)", number)
        return None
    status = _STATUSES.get(text_of(record.get("status")).upper(), "open")
    finished = status in {"resolved", "closed"}
    updated = parse_moment(record.get("last_change_time")) or created
    resolved = (parse_moment(record.get("cf_last_resolved")) or updated) if finished else None
    comments = list(_read_comments(record, created))
    first = comments.pop(0) if comments and comments[0][0] == 0 else None
    for field, what in _LEFT.items():
        if record.get(field) and record[field] != "---":
            left.add(what, number)
    severity = text_of(record.get("severity")).lower()
    product = text_of(record.get("product")) or "Bugzilla"
    kind = "enhancement" if severity == "enhancement" else text_of(record.get("type")).lower()
    return ImportedIssue(
        source_id=number,
        key=f"#{number}",
        project_key=product,
        project_name=product,
        title=text_of(record["summary"]),
        description=first[1].body if first else text_of(record.get("description")),
        environment=_read_environment(record),
        reporter=_read_user(record.get("creator_detail"), record.get("creator")),
        assignee=_read_assignee(record),
        watchers=tuple(_read_user(each, None) for each in iterate_records(record.get("cc_detail"))),
        created_at=created,
        updated_at=updated,
        issue_type=ISSUE_TYPES.get(kind, "bug"),
        status=status,
        resolution=RESOLUTIONS.get(text_of(record.get("resolution")).lower(), "fixed") if finished else None,
        severity=SEVERITIES.get(severity),
        priority=PRIORITIES.get(text_of(record.get("priority")).lower()),
        component=text_of(record.get("component")) or None,
        labels=tuple(text_of(each) for each in list_of(record.get("keywords")) if text_of(each).strip()),
        resolved_at=resolved,
        closed_at=resolved if status == "closed" else None,
        due_on=text_of(record.get("deadline")) or None,
        estimated_hours=parse_number(record.get("estimated_time")) or None,
        actual_hours=parse_number(record.get("actual_time")) or None,
        comments=tuple(comment for _, comment in comments),
        changes=tuple(_read_changes(record, left)),
        links=tuple(_read_links(record)),
    )


def _read_user(detail: object, name: object) -> ImportedUser:
    user = mapping(detail)
    login = text_of(user.get("name") or user.get("email") or name)
    if not login or login.startswith("nobody@"):
        return NOBODY
    email = text_of(user.get("email")) or (login if "@" in login else None)
    return ImportedUser(login, text_of(user.get("real_name")) or login.split("@")[0], email)


def _read_assignee(record: Record) -> ImportedUser | None:
    user = _read_user(record.get("assigned_to_detail"), record.get("assigned_to"))
    return None if user is NOBODY else user


def _read_environment(record: Record) -> str:
    parts = (("Version", "version"), ("Platform", "platform"), ("OS", "op_sys"), ("URL", "url"))
    unset = {"", "unspecified", "Unspecified", "All"}
    lines = [f"{name}: {text_of(record[key])}" for name, key in parts if text_of(record.get(key)) not in unset]
    return "\n".join(lines)


def _read_comments(record: Record, fallback: datetime) -> Iterator[tuple[int, ImportedComment]]:
    comments = record.get("comments")
    for position, each in enumerate(iterate_records(comments)):
        body = text_of(each.get("text") or each.get("raw_text"))
        count = each.get("count", position)
        if body.strip() or count == 0:
            created = parse_moment(each.get("creation_time") or each.get("time")) or fallback
            author = _read_user(None, each.get("creator") or each.get("author"))
            yield count, ImportedComment(text_of(each.get("id")), author, body, created, created)


def _read_changes(record: Record, left: NotCarried) -> Iterator[ImportedChange]:
    for entry in iterate_records(record.get("history")):
        at = parse_moment(entry.get("when"))
        for change in iterate_records(entry.get("changes")):
            field = _HISTORY_FIELDS.get(text_of(change.get("field_name")))
            if field is None or at is None:
                left.add("history of fields that BugFlow does not have", text_of(record.get("id")))
                continue
            old, new = text_of(change.get("removed")) or None, text_of(change.get("added")) or None
            yield ImportedChange(_read_user(None, entry.get("who")), at, field, old, new)


def _read_links(record: Record) -> Iterator[ImportedLink]:
    if text_of(record.get("dupe_of")).isdigit():
        yield ImportedLink("duplicate_of", f"#{record['dupe_of']}")
    for number in list_of(record.get("blocks")):
        yield ImportedLink("blocks", f"#{number}")
