"""Writing imported records: each once, however often they come."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from bugflow.tracker.imports.changing import write_changed
from bugflow.tracker.imports.fields import change_row, comment_row, issue_fields, issue_labels
from bugflow.tracker.imports.places import CLOSED_PROJECT, Places, issue_key
from bugflow.tracker.imports.records import ImportedIssue, fit_id
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.issues.tables import (
    Comment,
    Issue,
    IssueChange,
    IssueLabel,
    Watcher,
)
from bugflow.tracker.issues.text_index import IssueText, write_texts
from bugflow.tracker.projects.tables import Project

LONGEST_URL = 500


def content_hash(record: ImportedIssue) -> str:
    """Return a digest of everything the record says."""
    return hashlib.sha256(repr(record).encode()).hexdigest()


def find_earlier(session: Session, namespace: str, records: Sequence[ImportedIssue]) -> dict[str, ImportedRecord]:
    """Return what earlier runs made of these records, by source id."""
    found = session.scalars(
        select(ImportedRecord).where(
            ImportedRecord.namespace == namespace,
            ImportedRecord.kind == "issue",
            ImportedRecord.source_id.in_([fit_id(record.source_id) for record in records]),
        )
    )
    return {each.source_id: each for each in found}


def write_batch(
    session: Session,
    records: Sequence[ImportedIssue],
    places: Places,
    *,
    namespace: str,
    report: ImportReport,
    now: datetime,
) -> None:
    """Write a batch of records: new ones wholly, changed ones as far as nobody changed them here."""
    for record in records:
        if not places.takes(record):
            report.left.add(CLOSED_PROJECT, record.key)
    records = [record for record in records if places.takes(record)]
    places.ensure_users((user for record in records for user in record.users()), report)
    earlier = find_earlier(session, namespace, records)
    fresh = {record.source_id: record for record in records if fit_id(record.source_id) not in earlier}
    _write_new(session, list(fresh.values()), places, namespace=namespace, report=report, now=now)
    for record in records:
        known = earlier.get(fit_id(record.source_id))
        if known is None:
            continue
        digest = content_hash(record)
        if known.content_hash == digest:
            report.unchanged_issues += 1
            continue
        if write_changed(session, record, known, places, report):
            known.content_hash = digest


def _write_new(
    session: Session,
    records: list[ImportedIssue],
    places: Places,
    *,
    namespace: str,
    report: ImportReport,
    now: datetime,
) -> None:
    taken = _taken_keys(session, [issue_key(record, places.project_key_of(record)) for record in records])
    free = []
    for record in records:
        key = issue_key(record, places.project_key_of(record))
        if key in taken:
            report.left.add("issues whose key is taken by another issue here", key)
        else:
            taken.add(key)
            free.append((record, key))
    if not free:
        return
    named: dict[str, list[str | None]] = {}
    for record, _ in free:
        named.setdefault(places.project_key_of(record), []).append(record.component)
    rows = [_issue_row(record, key, places, report, named) for record, key in free]
    ids = session.scalars(insert(Issue).returning(Issue.id, sort_by_parameter_order=True), rows).all()
    issues = list(zip(ids, (record for record, _ in free), strict=True))
    _write_parts(session, issues, places, namespace=namespace, report=report, now=now)
    texts = [
        IssueText(
            number,
            record.title,
            f"{record.description}\n{record.stack_trace}\n{record.environment}",
            "\n".join(comment.body for comment in record.comments),
        )
        for number, record in issues
    ]
    write_texts(session.connection(), texts, new=True)
    _raise_counters(session, [(row["project_id"], row["key"]) for row in rows])
    report.new_issues += len(rows)


def _taken_keys(session: Session, keys: Sequence[str]) -> set[str]:
    return set(session.scalars(select(Issue.key).where(Issue.key.in_(keys))))


def _issue_row(
    record: ImportedIssue,
    key: str,
    places: Places,
    report: ImportReport,
    components: dict[str, list[str | None]],
) -> dict[str, Any]:
    project = places.get_project(record, report)
    places.component_id(project, record.component, components[places.project_key_of(record)])
    return {
        "key": key,
        "project_id": project.id,
        "reporter_id": places.users[record.reporter.login],
        "source_url": record.url[:LONGEST_URL] if record.url else None,
        "comment_count": len(record.comments),
        "created_at": record.created_at,
        "version": 1,
        **issue_fields(record, project, places, report),
    }


def _write_parts(
    session: Session,
    issues: Sequence[tuple[int, ImportedIssue]],
    places: Places,
    *,
    namespace: str,
    report: ImportReport,
    now: datetime,
) -> None:
    comments = [comment_row(number, each, places) for number, record in issues for each in record.comments]
    changes = [change_row(number, each, places) for number, record in issues for each in record.changes]
    watchers = {(number, places.users[user.login]) for number, record in issues for user in record.watchers}
    records = [
        {
            "namespace": namespace,
            "kind": "issue",
            "source_id": fit_id(record.source_id),
            "target_id": number,
            "content_hash": content_hash(record),
        }
        for number, record in issues
    ]
    label_rows = [{"issue_id": number, "label": label} for number, record in issues for label in issue_labels(record)]
    watcher_rows = [{"issue_id": number, "user_id": user, "since": now} for number, user in sorted(watchers)]
    for table, rows in (
        (Comment, comments),
        (IssueChange, changes),
        (IssueLabel, label_rows),
        (Watcher, watcher_rows),
        (ImportedRecord, records),
    ):
        if rows:
            session.execute(insert(table), rows)
    report.new_comments += len(comments)
    report.new_history += len(changes)


def _raise_counters(session: Session, keys: Sequence[tuple[int, str]]) -> None:
    highest: dict[int, int] = {}
    for project_id, key in keys:
        number = key.rsplit("-", 1)[-1]
        if number.isascii() and number.isdigit() and len(number) < 10:  # noqa: PLR2004 -- Digits of a 32-bit number.
            highest[project_id] = max(highest.get(project_id, 0), int(number))
    for project_id, last in highest.items():
        session.execute(
            update(Project)
            .where(Project.id == project_id, Project.last_issue_number < last)
            .values(last_issue_number=last)
        )
