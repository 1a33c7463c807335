"""Imports asked for over HTTP: their files kept in the storage, their work queued, how far they are."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.errors import BugFlowError
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.tables import JobRun
from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.tracker.accounts.actor import Actor, require_user_id
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.imports.errors import ImportFilesGoneError, ImportRunNotFoundError, NotDryRunError
from bugflow.tracker.imports.jobs import run_requested_import
from bugflow.tracker.imports.places import derive_project_key
from bugflow.tracker.imports.running import require_source
from bugflow.tracker.imports.tables import ImportRun
from bugflow.tracker.imports.upload_files import FILES_KEPT, delete_files, file_keys, name_folder

LONGEST_FILENAME = 200
FORGOTTEN = "Its job was forgotten before it was finished. Import the files again."


@dataclass(frozen=True)
class Upload:
    """A file as it arrives."""

    name: str
    stream: BinaryIO


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for: files of which tracker, into which project, in earnest or not, and who is who."""

    source: str
    project_key: str | None
    dry_run: bool
    people: Mapping[str, str]


@dataclass(frozen=True)
class ImportView:
    """An import and how far it is: the state of its job, a fraction from 0 to 1, and what went wrong."""

    run: ImportRun
    state: str
    progress: float
    error: str | None


def request_import(
    session: Session,
    storage: Storage,
    wish: Wish,
    uploads: Sequence[Upload],
    *,
    max_bytes: int,
    actor: Actor,
    now: datetime,
) -> ImportRun:
    """Keep the files and queue their import; what is in them is found out by its job.

    Raises:
        MissingPermissionError: The actor may not import.
        UnknownSourceError: BugFlow does not read this tracker.
        ObjectTooLargeError: A file is larger than `max_bytes`.
        StorageUnavailableError: The storage is full or does not answer; no file is kept.
    """
    actor.require(Permission.MANAGE_IMPORTS)
    require_source(wish.source)
    key = None if wish.project_key is None else derive_project_key(wish.project_key)
    folder, files = name_folder(now), list[dict[str, Any]]()
    try:
        for number, upload in enumerate(uploads, start=1):
            stored = storage.put(f"{folder}/{number}", upload.stream, max_bytes=max_bytes)
            files.append({"name": upload.name[:LONGEST_FILENAME], "size_bytes": stored.size_bytes})
        run = ImportRun(files_key=folder, files=files, **asdict(wish) | {"project_key": key})
        return _queue(session, run, actor, now=now)
    except BugFlowError:
        delete_files(storage, folder)
        raise


def repeat_in_earnest(session: Session, storage: Storage, run: ImportRun, *, actor: Actor, now: datetime) -> ImportRun:
    """Queue the import of a dry run's files in earnest, once: a second call returns the same import.

    Raises:
        MissingPermissionError: The actor may not import.
        NotDryRunError: It is no dry run that has succeeded.
        ImportFilesGoneError: Its files have been deleted.
    """
    actor.require(Permission.MANAGE_IMPORTS)
    state = view_run(session, run).state
    if not run.dry_run or state != "succeeded":
        raise NotDryRunError(run.uuid, state)
    session.refresh(run, with_for_update=True)  # Of two clicks at once one is the second.
    same = select(ImportRun).where(ImportRun.files_key == run.files_key, ImportRun.dry_run.is_(False))
    for earlier in session.scalars(same):
        if view_run(session, earlier).state != "failed":
            return earlier
    try:
        for key in file_keys(run):
            storage.stat(key)
    except ObjectNotFoundError as error:
        raise ImportFilesGoneError(run.uuid, FILES_KEPT.days) from error
    same_values = {name: getattr(run, name) for name in ("source", "project_key", "people", "files_key", "files")}
    return _queue(session, ImportRun(dry_run=False, **same_values), actor, now=now)


def _queue(session: Session, run: ImportRun, actor: Actor, *, now: datetime) -> ImportRun:
    run.uuid, run.started_by_id, run.created_at = uuid4(), require_user_id(actor), now
    arguments: dict[str, Any] = {
        "import_uuid": str(run.uuid),
        "address": actor.address,
        "scopes": None if actor.scopes is None else sorted(actor.scopes),
    }
    run.job_id = enqueue(session, run_requested_import, now=now, owner_id=run.started_by_id, **arguments).uuid
    session.add(run)
    session.flush()
    after = {"source": run.source, "project": run.project_key, "dry_run": run.dry_run, "files": run.files}
    record_audit(session, actor, "import.requested", subject=("import", str(run.uuid)), now=now, after=after)
    return run


def get_import(session: Session, viewer: Actor, run_id: UUID) -> ImportRun:
    """Return an import: administrators may read all, others their own.

    Raises:
        MissingPermissionError: The viewer may not import.
        ImportRunNotFoundError: There is none, or it is somebody else's.
    """
    viewer.require(Permission.MANAGE_IMPORTS)
    run = session.scalars(select(ImportRun).where(ImportRun.uuid == run_id)).first()
    if run is None or not (run.started_by_id == viewer.user_id or viewer.may(Permission.SEE_JOBS)):
        raise ImportRunNotFoundError(run_id)
    return run


def list_imports(session: Session, viewer: Actor, *, before_id: int | None, limit: int) -> list[ImportView]:
    """Return imports, newest first: administrators get all, others their own.

    Raises:
        MissingPermissionError: The viewer may not import.
    """
    viewer.require(Permission.MANAGE_IMPORTS)
    statement = select(ImportRun, JobRun).outerjoin(JobRun, JobRun.uuid == ImportRun.job_id)
    if not viewer.may(Permission.SEE_JOBS):
        statement = statement.where(ImportRun.started_by_id == viewer.user_id)
    if before_id is not None:
        statement = statement.where(ImportRun.id < before_id)
    rows = session.execute(statement.order_by(ImportRun.id.desc()).limit(limit))
    return [_view(run, job) for run, job in rows]


def view_run(session: Session, run: ImportRun) -> ImportView:
    """Return how far an import is."""
    return _view(run, session.scalars(select(JobRun).where(JobRun.uuid == run.job_id)).first())


def _view(run: ImportRun, job: JobRun | None) -> ImportView:
    if run.finished_at is not None:
        return ImportView(run, "failed" if run.error else "succeeded", 1.0, run.error)
    if job is None:
        return ImportView(run, "failed", 0.0, FORGOTTEN)
    return ImportView(run, job.state, job.progress, job.error if job.state == "failed" else None)


def requested_by(session: Session, runs: Sequence[ImportRun]) -> dict[int, str]:
    """Return the names of those who asked, by their numbers."""
    wanted = {run.started_by_id for run in runs}
    return {row.id: row.name for row in session.execute(select(User.id, User.name).where(User.id.in_(wanted)))}
