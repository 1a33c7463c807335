"""Files of issues: taken in pieces up to a limit, kept in storage, given back as downloads and never executed."""

from datetime import datetime
from pathlib import PurePath
from typing import BinaryIO
from uuid import uuid4

from sqlalchemy.orm import Session

from bugflow.core.storage import Storage
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.issues.errors import AttachmentTypeError, NotYoursError
from bugflow.tracker.issues.tables import Attachment, Issue

LONGEST_FILENAME = 200

DEVICE_NAMES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
)
"""What Windows takes for a device, whatever the ending; a file saved under such a name would be lost."""

INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "text/plain"})
"""What a browser may show; everything else is only downloaded."""

REFUSED_SUFFIXES = frozenset(
    {".exe", ".dll", ".msi", ".bat", ".cmd", ".com", ".scr", ".ps1", ".vbs", ".jar", ".apk", ".app", ".lnk", ".hta"}
)

SIGNATURES = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}

SUFFIX_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".txt": "text/plain",
    ".log": "text/plain",
    ".json": "application/json",
    ".har": "application/json",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}


def attach_file(
    session: Session,
    storage: Storage,
    issue: Issue,
    *,
    filename: str,
    stream: BinaryIO,
    max_bytes: int,
    uploader_id: int,
    actor: Actor,
    now: datetime,
) -> Attachment:
    """Store a file and hang it on an issue. Its content is neither unpacked nor decoded, so no bomb can go off.

    Raises:
        MissingPermissionError: The actor may not attach.
        AttachmentTypeError: A program, or a picture that is none.
        ObjectTooLargeError: More than `max_bytes` bytes; nothing is kept.
        StorageUnavailableError: The storage is full or does not answer; nothing is kept.
    """
    actor.require(Permission.COMMENT)
    name = clean_filename(filename)
    content_type = _require_allowed(name, stream)
    key = f"attachments/{issue.uuid}/{uuid4().hex}"
    stored = storage.put(key, stream, max_bytes=max_bytes)
    attachment = Attachment(
        issue_id=issue.id,
        uploader_id=uploader_id,
        filename=name,
        content_type=content_type,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        storage_key=key,
        created_at=now,
    )
    session.add(attachment)
    session.flush()
    after = {"attachment": str(attachment.uuid), "filename": name, "sha256": stored.sha256}
    record_audit(session, actor, "attachment.added", subject=("issue", issue.id), now=now, after=after)
    return attachment


def remove_attachment(session: Session, issue: Issue, attachment: Attachment, *, actor: Actor, now: datetime) -> str:
    """Take an attachment off its issue and return its storage key, to be deleted once that is committed.

    Raises:
        NotYoursError: Somebody else attached it.
    """
    if attachment.uploader_id != actor.user_id and not actor.may(Permission.EDIT_ANY_ISSUE):
        raise NotYoursError("attachment")
    before = {"attachment": str(attachment.uuid), "filename": attachment.filename, "sha256": attachment.sha256}
    session.delete(attachment)
    session.flush()
    record_audit(session, actor, "attachment.removed", subject=("issue", issue.id), now=now, before=before)
    return attachment.storage_key


def clean_filename(filename: str) -> str:
    """Return the last part of a path without control characters, short enough to keep."""
    last = PurePath(filename.replace("\\", "/")).name
    printable = "".join(character for character in last if character.isprintable()).strip(" .")
    if not printable:
        return "file"
    if printable.split(".", maxsplit=1)[0].lower() in DEVICE_NAMES:
        printable = f"_{printable}"
    path = PurePath(printable)
    suffix = path.suffix[:20]
    return path.stem[: LONGEST_FILENAME - len(suffix)] + suffix


def _require_allowed(filename: str, stream: BinaryIO) -> str:
    suffix = PurePath(filename).suffix.lower()
    if suffix in REFUSED_SUFFIXES:
        raise AttachmentTypeError(filename, "programs are not taken; put it into a ZIP archive if it is needed")
    content_type = SUFFIX_TYPES.get(suffix, "application/octet-stream")
    beginning = stream.read(16)
    stream.seek(0)
    if not beginning:
        raise AttachmentTypeError(filename, "it is empty")
    signatures = SIGNATURES.get(content_type)
    if signatures and not beginning.startswith(signatures):
        raise AttachmentTypeError(filename, f"its content is not {content_type}")
    return content_type
