"""Files of issues over HTTP: taken and given in pieces, shown only where nothing can be executed."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import File, Query, UploadFile, status
from fastapi.responses import StreamingResponse

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import DatabaseDep, ReadSession, SettingsDep, StorageDep, WriteSession
from bugflow.core.http.openapi import describe_files
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.attachments import INLINE_TYPES, attach_file, remove_attachment
from bugflow.tracker.issues.clusters import list_cluster_attachments
from bugflow.tracker.issues.queries import get_attachment, get_issue, list_attachments
from bugflow.tracker.issues.schemas import AttachmentRead

router = Router(prefix="/issues/{issue}/attachments", tags=["attachments"])

DOWNLOAD_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=86400",
}


@router.get("")
def read_attachments(
    issue: str,
    session: ReadSession,
    actor: ActorDep,
    *,
    duplicates: Annotated[bool, Query(description="Whether those of its duplicates are wanted, too.")] = False,
) -> list[AttachmentRead]:
    """List the files of an issue; with `duplicates`, also of the issues merged into it."""
    found = get_issue(session, actor, issue)
    if duplicates:
        return [AttachmentRead.of(each, place) for each, place in list_cluster_attachments(session, actor, found)]
    return [AttachmentRead.of(each, found) for each in list_attachments(session, found)]


@router.post("", status_code=status.HTTP_201_CREATED)
def attach(
    issue: str,
    file: Annotated[UploadFile, File()],
    session: WriteSession,
    actor: ActorDep,
    storage: StorageDep,
    settings: SettingsDep,
) -> AttachmentRead:
    """Attach a file."""
    found = get_issue(session, actor, issue)
    attachment = attach_file(
        session,
        storage,
        found,
        filename=file.filename or "file",
        stream=file.file,
        max_bytes=settings.max_attachment_bytes,
        uploader_id=require_user_id(actor),
        actor=actor,
        now=utc_now(),
    )
    return AttachmentRead.of(attachment, found)


@router.get("/{attachment}", response_class=StreamingResponse, responses=describe_files("*/*"))
def download(
    issue: str, attachment: UUID, session: ReadSession, actor: ActorDep, storage: StorageDep
) -> StreamingResponse:
    """Download a file; only pictures and plain text may be shown by a browser."""
    found = get_attachment(session, get_issue(session, actor, issue), attachment)
    disposition = "inline" if found.content_type in INLINE_TYPES else "attachment"
    headers = DOWNLOAD_HEADERS | {
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(found.filename)}",
        "Content-Length": str(found.size_bytes),
    }
    return StreamingResponse(storage.read(found.storage_key), media_type=found.content_type, headers=headers)


@router.delete("/{attachment}", status_code=status.HTTP_204_NO_CONTENT)
def remove(issue: str, attachment: UUID, database: DatabaseDep, actor: ActorDep, storage: StorageDep) -> None:
    """Remove a file of your own."""
    with database.transaction() as session:
        found = get_issue(session, actor, issue)
        key = remove_attachment(session, found, get_attachment(session, found, attachment), actor=actor, now=utc_now())
    storage.delete(key)
