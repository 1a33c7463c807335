"""The issue page with its forms, and the form to edit the text."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Path, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile
from starlette.responses import Response

from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError, ConflictError, InvalidError, TooLargeError
from bugflow.core.http.body_limit import find_refusal
from bugflow.core.http.dependencies import DatabaseDep, ReadSession, SettingsDep, StorageDep, WriteSession
from bugflow.core.http.routes import Router
from bugflow.core.storage import ObjectTooLargeError
from bugflow.tracker.accounts.actor import Actor, require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.pages import PAGE_DEPENDENCIES
from bugflow.tracker.issues.attachments import attach_file
from bugflow.tracker.issues.comments import add_comment
from bugflow.tracker.issues.errors import (
    FieldValueError,
    IssueNotFoundError,
    RelationExistsError,
    RelationNotFoundError,
    StatusChangeError,
)
from bugflow.tracker.issues.forms import (
    SIDE_FIELDS,
    TEXT_FIELDS,
    is_number,
    problems_by_field,
    read_body,
    read_changes,
    show_fields,
)
from bugflow.tracker.issues.page_content import list_choices, read_issue_page
from bugflow.tracker.issues.queries import get_issue, view_issue
from bugflow.tracker.issues.relations import relate_issues, unrelate_issues
from bugflow.tracker.issues.schemas import CommentWrite
from bugflow.tracker.issues.service import change_issue, unwatch_issue, watch_issue
from bugflow.tracker.issues.tables import Comment, Issue
from bugflow.tracker.issues.vocabulary import RELATION_KINDS
from bugflow.tracker.projects.tables import Project
from bugflow.web.forms import FormFields, FormFile
from bugflow.web.rendering import Renderer, RendererDep, see_other

router = Router(include_in_schema=False, dependencies=PAGE_DEPENDENCIES)

UPLOAD_PATH = re.compile(r"/issues/[^/]+/attachments")
"""Where the form of a file goes; too large a one is explained on the page, too."""

Typed = Mapping[str, str]


@router.get("/issues/{issue}")
def show_issue(issue: str, request: Request, session: ReadSession, actor: ActorDep, renderer: RendererDep) -> Response:
    """Show an issue."""
    return _render_issue(request, session, actor, renderer, get_issue(session, actor, issue))


def _render_issue(
    request: Request,
    session: Session,
    actor: Actor,
    renderer: Renderer,
    issue: Issue,
    *,
    typed: Typed | None = None,
    error: BugFlowError | None = None,
    wrong: Typed | None = None,
) -> Response:
    page = read_issue_page(session, actor, issue)
    shown = show_fields(page.view)
    return renderer.render(
        request,
        "issues/issue.html",
        viewer=actor,
        error=error,
        page=page,
        issue=issue,
        shown=shown,
        typed={"body": "", "kind": "", "target": ""} | shown | dict(typed or {}),
        wrong=wrong or problems_by_field(error),
        kinds=RELATION_KINDS,
    )


@router.post("/issues/{issue}")
def take_fields(
    issue: str, request: Request, database: DatabaseDep, actor: ActorDep, renderer: RendererDep, form: FormFields
) -> Response:
    """Change fields; where somebody else was faster, show both and let the person decide."""
    typed = {name: form[name] for name in SIDE_FIELDS if name in form}
    try:
        return see_other(f"/issues/{_change(database, actor, issue, typed, form)}")
    except (ConflictError, InvalidError) as error:
        with database.snapshot() as session:
            found = get_issue(session, actor, issue)
            return _render_issue(request, session, actor, renderer, found, typed=typed, error=error)


def _change(database: DatabaseDep, actor: Actor, reference: str, typed: Typed, form: Typed) -> str:
    with database.transaction() as session:
        issue = get_issue(session, actor, reference)
        version = form.get("version", "")
        expected = int(version) if is_number(version) else 0
        changes: dict[str, Any] = {}
        if expected == issue.version:
            changes = read_changes(typed, show_fields(view_issue(session, issue)))
        change_issue(
            session,
            issue,
            session.get_one(Project, issue.project_id),
            changes=changes,
            actor=actor,
            now=utc_now(),
            expected_version=expected,
        )
        return issue.key


@router.get("/issues/{issue}/comments")
@router.get("/issues/{issue}/relations")
@router.get("/issues/{issue}/attachments")
def show_issue_of_form(issue: str) -> Response:
    """Go to the issue: this is the address of a page that a refused form was shown on."""
    return see_other(f"/issues/{issue}")


@router.get("/issues/{issue}/edit")
def show_edit(issue: str, request: Request, session: ReadSession, actor: ActorDep, renderer: RendererDep) -> Response:
    """Show the form to edit an issue's text."""
    found = get_issue(session, actor, issue)
    shown = show_fields(view_issue(session, found))
    return _render_edit(request, session, actor, renderer, found, typed=shown, shown=shown)


@router.post("/issues/{issue}/edit")
def take_edit(
    issue: str, request: Request, database: DatabaseDep, actor: ActorDep, renderer: RendererDep, form: FormFields
) -> Response:
    """Change an issue's text."""
    typed = {name: form[name] for name in TEXT_FIELDS if name in form}
    try:
        return see_other(f"/issues/{_change(database, actor, issue, typed, form)}")
    except (ConflictError, InvalidError) as error:
        with database.snapshot() as session:
            found = get_issue(session, actor, issue)
            shown = show_fields(view_issue(session, found))
            return _render_edit(request, session, actor, renderer, found, typed=shown | typed, shown=shown, error=error)


def _render_edit(
    request: Request,
    session: Session,
    actor: Actor,
    renderer: Renderer,
    issue: Issue,
    *,
    typed: Typed,
    shown: Typed,
    error: BugFlowError | None = None,
) -> Response:
    return renderer.render(
        request,
        "issues/edit.html",
        viewer=actor,
        error=error,
        issue=issue,
        typed=typed,
        shown=shown,
        wrong=problems_by_field(error),
        choices=list_choices(session, issue.project_id),
    )


@router.post("/issues/{issue}/comments")
def take_comment(
    issue: str, request: Request, database: DatabaseDep, actor: ActorDep, renderer: RendererDep, form: FormFields
) -> Response:
    """Comment; with a status, change that too, in one transaction."""
    text = form.get("body", "").replace("\r\n", "\n").strip()
    status = form.get("status", "")
    try:
        with database.transaction() as session:
            found = get_issue(session, actor, issue)
            added = _comment_once(session, found, text, actor, form.get("after", "")) if text or not status else None
            if status and status != found.status:
                _set_status(session, found, status, actor)
            return see_other(f"/issues/{found.key}#{f'comment-{added.id}' if added else 'end'}")
    except (ConflictError, InvalidError) as error:
        with database.snapshot() as session:
            found = get_issue(session, actor, issue)
            return _render_issue(request, session, actor, renderer, found, typed={"body": text}, error=error)


def _comment_once(session: Session, issue: Issue, text: str, actor: Actor, after: str) -> Comment:
    """Add a comment unless this form has: its author has written the same since the form was shown.

    `after` is the last comment the form knew. The issue stays locked, so that of two forms at once one is the second.
    """
    body = read_body(CommentWrite, {"body": text}).body if text else _refuse_empty()
    author_id = require_user_id(actor)
    session.refresh(issue, with_for_update={"key_share": True})
    if is_number(after):
        same = (Comment.issue_id == issue.id, Comment.author_id == author_id, Comment.body == body)
        before = session.scalars(select(Comment).where(Comment.id > int(after), *same)).first()
        if before is not None:
            return before
    return add_comment(session, issue, body=body, author_id=author_id, actor=actor, now=utc_now())


def _refuse_empty() -> str:
    raise FieldValueError("body", "An empty comment says nothing. Write something first.")


def _set_status(session: Session, issue: Issue, status: str, actor: Actor) -> None:
    if status not in {"open", "in_progress", "resolved", "closed"}:
        raise StatusChangeError(issue.key, issue.status, status, ())
    project = session.get_one(Project, issue.project_id)
    change_issue(session, issue, project, changes={"status": status}, actor=actor, now=utc_now())


@router.post("/issues/{issue}/relations")
def take_relation(
    issue: str, request: Request, database: DatabaseDep, actor: ActorDep, renderer: RendererDep, form: FormFields
) -> Response:
    """Say what an issue duplicates, blocks or relates to; said twice is said."""
    typed = {name: form.get(name, "").strip() for name in ("kind", "target")}
    try:
        with database.transaction() as session:
            source = get_issue(session, actor, issue)
            target = _get_target(session, actor, typed)
            with suppress(RelationExistsError):
                relate_issues(session, source, target, kind=typed["kind"], actor=actor, now=utc_now())
            return see_other(f"/issues/{source.key}#related")
    except (ConflictError, InvalidError) as error:
        with database.snapshot() as session:
            found = get_issue(session, actor, issue)
            wrong = problems_by_field(error) or {"target": str(error)}
            return _render_issue(request, session, actor, renderer, found, typed=typed, error=error, wrong=wrong)


def _get_target(session: Session, actor: Actor, typed: Typed) -> Issue:
    if typed["kind"] not in RELATION_KINDS:
        raise FieldValueError("kind", "Choose how the two issues are related.")
    if not typed["target"]:
        raise FieldValueError("target", "Name the other issue, such as WEB-7 or #7.")
    try:
        return get_issue(session, actor, typed["target"])
    except IssueNotFoundError as error:
        raise FieldValueError("target", str(error)) from error


@router.post("/issues/{issue}/relations/{relation}/remove")
def take_back_relation(
    issue: str, relation: Annotated[int, Path(ge=1, le=2**31 - 1)], session: WriteSession, actor: ActorDep
) -> Response:
    """Take a relation back; one that is gone already stays so."""
    found = get_issue(session, actor, issue)
    with suppress(RelationNotFoundError):
        unrelate_issues(session, found, relation, actor=actor, now=utc_now())
    return see_other(f"/issues/{found.key}#related")


@router.post("/issues/{issue}/attachments")
def take_attachment(
    *,
    issue: str,
    request: Request,
    file: FormFile,
    database: DatabaseDep,
    actor: ActorDep,
    renderer: RendererDep,
    storage: StorageDep,
    settings: SettingsDep,
) -> Response:
    """Attach a file; one that is refused is explained beside the form."""
    try:
        with database.transaction() as session:
            found = get_issue(session, actor, issue)
            attach_file(
                session,
                storage,
                found,
                **_require_file(request, file, settings.max_attachment_bytes),
                uploader_id=require_user_id(actor),
                actor=actor,
                now=utc_now(),
            )
            return see_other(f"/issues/{found.key}#files")
    except (ConflictError, InvalidError) as error:
        with database.snapshot() as session:
            found = get_issue(session, actor, issue)
            wrong = problems_by_field(error) or {"file": str(error)}
            return _render_issue(request, session, actor, renderer, found, error=error, wrong=wrong)


def _require_file(request: Request, file: UploadFile | None, max_bytes: int) -> dict[str, Any]:
    if find_refusal(request) is not None:
        raise TooLargeError(str(ObjectTooLargeError(max_bytes)))
    if file is None:
        raise FieldValueError("file", "Choose a file first.")
    return {"filename": file.filename, "stream": file.file, "max_bytes": max_bytes}


@router.post("/issues/{issue}/watch")
def take_watch(issue: str, session: WriteSession, actor: ActorDep, form: FormFields) -> Response:
    """Follow an issue, or no longer."""
    found = get_issue(session, actor, issue)
    if form.get("watch") == "yes":
        watch_issue(session, found, require_user_id(actor), now=utc_now())
    else:
        unwatch_issue(session, found, require_user_id(actor))
    return see_other(f"/issues/{found.key}")
