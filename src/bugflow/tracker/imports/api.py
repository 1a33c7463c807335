"""Imports over HTTP, under /api/v1/imports: files are sent, a background job imports them."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, File, Form, Query, UploadFile, status
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, SettingsDep, StorageDep, WriteSession
from bugflow.core.http.pagination import Page, decode_number_cursor, encode_cursor
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.imports.people import read_people
from bugflow.tracker.imports.requests import (
    ImportView,
    Upload,
    Wish,
    get_import,
    list_imports,
    repeat_in_earnest,
    request_import,
    requested_by,
    view_run,
)
from bugflow.tracker.imports.schemas import ImportRead, SourceName

router = Router(prefix="/imports", tags=["imports"])

MOST_FILES = 100


def read_wish(
    source: Annotated[SourceName, Form(description="The tracker whose export this is.")],
    project: Annotated[str | None, Form(max_length=120, description="Key of the project all goes into.")] = None,
    dry_run: Annotated[bool, Form(description="Only say what would be done.")] = False,  # noqa: FBT002 -- A field of the form.
    users: Annotated[
        UploadFile | None,
        File(description="CSV or JSON: a login or e-mail address there, the e-mail address of an account here."),
    ] = None,
) -> Wish:
    """Read what the form asks for.

    Raises:
        PeopleFileError: The file of users is not what it should be.
    """
    people = read_people(users.file.read()) if users is not None else {}
    return Wish(source=source, project_key=project or None, dry_run=dry_run, people=people)


@router.post("", status_code=status.HTTP_202_ACCEPTED)
def start_import(
    files: Annotated[
        list[UploadFile], File(min_length=1, max_length=MOST_FILES, description="The export's files, in any order.")
    ],
    wish: Annotated[Wish, Depends(read_wish)],
    session: WriteSession,
    actor: ActorDep,
    storage: StorageDep,
    settings: SettingsDep,
) -> ImportRead:
    """Import another tracker's export in the background; sent again, it doubles nothing.

    Project managers and administrators may. `/api/v1/imports/{id}` tells how far it is.
    """
    uploads = [Upload(each.filename or "file", each.file) for each in files]
    limit = settings.max_import_bytes
    run = request_import(session, storage, wish, uploads, max_bytes=limit, actor=actor, now=utc_now())
    return _show(session, [view_run(session, run)])[0]


@router.get("")
def read_imports(
    session: ReadSession,
    actor: ActorDep,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[ImportRead]:
    """Read imports, newest first: administrators all, others those they asked for."""
    found = list_imports(session, actor, before_id=decode_number_cursor(cursor), limit=limit + 1)
    more = encode_cursor([found[limit - 1].run.id]) if len(found) > limit else None
    return Page(items=_show(session, found[:limit]), next_cursor=more)


@router.get("/{import_id}")
def read_import(import_id: UUID, session: ReadSession, actor: ActorDep) -> ImportRead:
    """Read how far an import is, and its report."""
    return _show(session, [view_run(session, get_import(session, actor, import_id))])[0]


@router.post("/{import_id}/run", status_code=status.HTTP_202_ACCEPTED)
def run_dry_run(import_id: UUID, session: WriteSession, actor: ActorDep, storage: StorageDep) -> ImportRead:
    """Import the files of a dry run in earnest, without sending them again; a second call starts no second import."""
    run = repeat_in_earnest(session, storage, get_import(session, actor, import_id), actor=actor, now=utc_now())
    return _show(session, [view_run(session, run)])[0]


def _show(session: Session, views: list[ImportView]) -> list[ImportRead]:
    names = requested_by(session, [view.run for view in views])
    return [ImportRead.of(view, names[view.run.started_by_id]) for view in views]
