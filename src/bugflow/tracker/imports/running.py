"""Running an import: batch by batch, each committed, so that a killed one goes on where it was."""

from collections.abc import Callable, Sequence
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import InvalidError
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.imports.places import Places, derive_project_key, issue_key
from bugflow.tracker.imports.records import ImportedIssue
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.sources import READERS
from bugflow.tracker.imports.writing import content_hash, find_earlier, write_batch, write_links
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.tables import Project

BATCH = 250

ProgressCallback = Callable[[float], None]


class UnknownSourceError(InvalidError):
    """A tracker that BugFlow does not read."""

    def __init__(self, source: str) -> None:
        super().__init__(f"BugFlow does not import from {source!r}. It reads: {', '.join(READERS)}.")


def run_import(
    database: Database,
    source: str,
    files: Sequence[bytes],
    *,
    project_key: str | None,
    dry_run: bool,
    actor: Actor,
    progress: ProgressCallback = lambda _: None,
) -> ImportReport:
    """Import files of one tracker, or with `dry_run` say what that would do.

    This is an edge: each batch is a transaction of its own. Running it again, also after a kill, doubles nothing.

    Raises:
        UnknownSourceError: BugFlow does not read this tracker.
        ImportFileError: A file is not the export it should be.
        MissingPermissionError: The actor may not import.
    """
    actor.require(Permission.MANAGE_IMPORTS)
    if source not in READERS:
        raise UnknownSourceError(source)
    report = ImportReport(source=source, dry_run=dry_run)
    records = list({record.source_id: record for record in READERS[source](list(files), report.left)}.values())
    key = None if project_key is None else derive_project_key(project_key)
    if dry_run:
        _plan(database, records, report, namespace=source, project_key=key, actor=actor)
        return report
    steps = 2 * len(records) or 1
    for done, batch in _batches(records):
        with database.transaction() as session:
            places = Places(session, namespace=source, project_key=key, actor=actor, now=utc_now())
            write_batch(session, batch, places, namespace=source, report=report, now=utc_now())
        progress(done / steps)
    for done, batch in _batches(records):
        with database.transaction() as session:
            places = Places(session, namespace=source, project_key=key, actor=actor, now=utc_now())
            write_links(session, batch, places, report=report, now=utc_now())
        progress((len(records) + done) / steps)
    with database.transaction() as session:
        record_audit(
            session, actor, "import.finished", subject=("import", source), now=utc_now(), after=report.to_json()
        )
    return report


def _batches(records: list[ImportedIssue]) -> list[tuple[int, list[ImportedIssue]]]:
    rest = iter(records)
    batches, done = [], 0
    while batch := list(islice(rest, BATCH)):
        done += len(batch)
        batches.append((done, batch))
    return batches


def _plan(
    database: Database,
    records: list[ImportedIssue],
    report: ImportReport,
    *,
    namespace: str,
    project_key: str | None,
    actor: Actor,
) -> None:
    with database.snapshot() as session:
        places = Places(session, namespace=namespace, project_key=project_key, actor=actor, now=utc_now())
        for _, batch in _batches(records):
            _plan_batch(session, batch, places, report, namespace)
        keys = {places.project_key_of(record) for record in records}
        present = set(session.scalars(select(Project.key).where(Project.key.in_(keys))))
        report.new_projects = sorted(keys - present)


def _plan_batch(
    session: Session, batch: list[ImportedIssue], places: Places, report: ImportReport, namespace: str
) -> None:
    earlier = find_earlier(session, namespace, batch)
    keys = {record.source_id: issue_key(record, places.project_key_of(record)) for record in batch}
    taken = set(session.scalars(select(Issue.key).where(Issue.key.in_(keys.values()))))
    for record in batch:
        known = earlier.get(record.source_id[:120])
        if known is not None:
            same = known.content_hash == content_hash(record)
            report.unchanged_issues += same
            report.changed_issues += not same
        elif keys[record.source_id] in taken:
            report.left.add("issues whose key is taken by another issue here", keys[record.source_id])
        else:
            report.new_issues += 1
            report.new_comments += len(record.comments)
            report.new_history += len(record.changes)
