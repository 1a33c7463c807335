"""The files of imports over HTTP, in the storage under `imports/DATE-NAME/NUMBER`, until they are old."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.jobs.tables import JobRun
from bugflow.core.storage import Storage
from bugflow.tracker.imports.tables import ImportRun

FOLDER = "imports"
FILES_KEPT = timedelta(days=7)
"""So long a dry run can be done in earnest without its files being sent again."""


def name_folder(now: datetime) -> str:
    """Return a folder of its own for the files of an import."""
    return f"{FOLDER}/{now:%Y-%m-%d}-{uuid4().hex}"


def file_keys(run: ImportRun) -> Iterator[str]:
    """Yield the storage keys of the files of an import."""
    return (f"{run.files_key}/{number}" for number in range(1, len(run.files) + 1))


def delete_files(storage: Storage, folder: str) -> None:
    """Delete the files of an import."""
    for key in list(storage.list_keys(f"{folder}/")):
        storage.delete(key)


def list_old_folders(session: Session, storage: Storage, *, now: datetime) -> set[str]:
    """Return the folders that no import needs any more."""
    folders = {"/".join(key.split("/")[:2]) for key in storage.list_keys(f"{FOLDER}/")}
    old = {folder for folder in folders if folder < f"{FOLDER}/{now - FILES_KEPT:%Y-%m-%d}"}
    working = (
        select(ImportRun.files_key)
        .join(JobRun, JobRun.uuid == ImportRun.job_id)
        .where(ImportRun.finished_at.is_(None), JobRun.state.in_(("queued", "running")))
    )
    return old - set(session.scalars(working))
