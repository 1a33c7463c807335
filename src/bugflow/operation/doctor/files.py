"""Whether the storage works and holds the files that the database names."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.settings import Settings
from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.operation.doctor.findings import Finding, fail, note, warn, well
from bugflow.tracker.issues.tables import Attachment

SAMPLE = 200
TRIAL = b"Written by bugflow doctor, which deletes it at once.\n"


def examine_storage(settings: Settings, storage: Storage) -> Iterator[Finding]:
    """Write, read and delete a file.

    Raises:
        StorageUnavailableError: The storage is full or does not answer.
    """
    address = settings.resolved_storage_url.partition("?")[0]
    if address.startswith("memory:"):
        advice = "Set BUGFLOW_STORAGE_URL to a folder or a bucket."
        yield fail("storage", "files are kept in memory and lost when the server ends", advice)
        return
    key = f"doctor/{uuid4().hex}"
    storage.put(key, BytesIO(TRIAL))
    try:
        same = b"".join(storage.read(key)) == TRIAL
    finally:
        storage.delete(key)
    if same:
        yield well("storage", f"{address} takes, gives back and deletes a file")
    else:
        yield fail("storage", f"{address} gave back something else than was written", "Check the disk or the bucket.")


def examine_attachments(session: Session, storage: Storage, *, deep: bool) -> Iterator[Finding]:
    """Look for rows without their file and files without a row: the newest files, or all and their content."""
    statement = select(Attachment).order_by(Attachment.id.desc())
    rows = session.scalars(statement if deep else statement.limit(SAMPLE)).all()
    problems = {each.storage_key: problem for each in rows if (problem := _find_problem(storage, each, deep=deep))}
    looked_at = f"all {len(rows)}" if deep or len(rows) < SAMPLE else f"the newest {len(rows)}"
    if problems:
        examples = ", ".join(f"{key} {problem}" for key, problem in list(problems.items())[:3])
        advice = "Bring them back from a backup (`bugflow backup` holds them); check BUGFLOW_STORAGE_URL."
        yield fail("attachments", f"{len(problems)} of {looked_at}: {examples}", advice)
    else:
        yield well("attachments", f"{looked_at} are in storage{' and as they were written' if deep else ''}")
    if deep:
        yield from _examine_unnamed(session, storage)


def _find_problem(storage: Storage, row: Attachment, *, deep: bool) -> str | None:
    try:
        if storage.stat(row.storage_key).size_bytes != row.size_bytes:
            return "has another size"
        if deep and _digest(storage, row.storage_key) != row.sha256:
            return "has another content"
    except ObjectNotFoundError:
        return "is missing"
    return None


def _digest(storage: Storage, key: str) -> str:
    digest = hashlib.sha256()
    for piece in storage.read(key):
        digest.update(piece)
    return digest.hexdigest()


def _examine_unnamed(session: Session, storage: Storage) -> Iterator[Finding]:
    stored = set(storage.list_keys("attachments/"))
    unnamed = sorted(stored - set(session.scalars(select(Attachment.storage_key))))
    if unnamed:
        found = f"{len(unnamed)} files that no issue names, as {unnamed[0]}"
        yield note("left-over files", found, "They are from requests that were broken off; they only take room.")
    trials = list(storage.list_keys("doctor/"))
    if len(trials) > SAMPLE:
        yield warn("left-over files", f"{len(trials)} trial files under doctor/", "Delete them.")
