"""The work of imports over HTTP, in the background."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import ForbiddenError, InvalidError, NotFoundError
from bugflow.core.jobs.definition import job
from bugflow.core.jobs.execution import Progress
from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.imports.errors import ImporterInactiveError, ImportFilesGoneError
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.running import run_import
from bugflow.tracker.imports.tables import ImportRun
from bugflow.tracker.imports.upload_files import FILES_KEPT, delete_files, file_keys, list_old_folders


@job(long=True)
def run_requested_import(
    database: Database,
    storage: Storage,
    progress: Progress,
    import_uuid: str,
    address: str | None,
    scopes: list[str] | None,
) -> None:
    """Import the files that were sent, with the rights of who sent them; done again, it doubles nothing."""
    with database.snapshot() as session:
        run = session.scalars(select(ImportRun).where(ImportRun.uuid == UUID(import_uuid))).one()
        user = session.get_one(User, run.started_by_id)
    if run.finished_at is not None:
        return
    try:
        if not user.is_active:
            raise ImporterInactiveError
        report = run_import(
            database,
            run.source,
            [partial(_read_file, storage, run, key) for key in file_keys(run)],
            project_key=run.project_key,
            dry_run=run.dry_run,
            actor=build_actor(
                user, origin="import", address=address, scopes=None if scopes is None else frozenset(scopes)
            ),
            people=run.people,
            progress=progress,
        )
    except (InvalidError, ForbiddenError, NotFoundError) as error:
        _finish(database, run, now=utc_now(), error=str(error))
        raise
    _finish(database, run, now=utc_now(), report=report)


def _read_file(storage: Storage, run: ImportRun, key: str) -> Iterator[bytes]:
    try:
        return storage.read(key)
    except ObjectNotFoundError as error:
        raise ImportFilesGoneError(run.uuid, FILES_KEPT.days) from error


def _finish(
    database: Database,
    run: ImportRun,
    *,
    now: datetime,
    report: ImportReport | None = None,
    error: str | None = None,
) -> None:
    values: dict[str, Any] = {"finished_at": now, "error": error, "report": report.to_json() if report else None}
    with database.transaction() as session:
        session.execute(update(ImportRun).where(ImportRun.id == run.id).values(values))


@job(schedule="17 3 * * *")
def delete_old_import_files(database: Database, storage: Storage) -> None:
    """Delete the files of imports that are done and old."""
    with database.snapshot() as session:
        folders = list_old_folders(session, storage, now=utc_now())
    for folder in folders:
        delete_files(storage, folder)
