"""The form to report."""

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import Query, Request
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.responses import Response

from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError, ConflictError, InvalidError, NotFoundError
from bugflow.core.http.dependencies import DatabaseDep, ReadSession
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import Actor, require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.pages import PAGE_DEPENDENCIES
from bugflow.tracker.issues.errors import FieldValueError
from bugflow.tracker.issues.forms import problems_by_field, read_body, split_labels
from bugflow.tracker.issues.page_content import list_choices
from bugflow.tracker.issues.schemas import IssueCreate
from bugflow.tracker.issues.service import report_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.queries import get_project, list_projects
from bugflow.web.forms import FormFields, find_kept_form
from bugflow.web.rendering import Renderer, RendererDep, see_other

router = Router(include_in_schema=False, dependencies=PAGE_DEPENDENCIES)

REPORT_TEXTS = ("title", "description", "stack_trace", "environment")
REPORT_CHOICES = ("issue_type", "severity", "team", "component", "priority")
REPORT_FIELDS = ("project", "once", "labels", *REPORT_TEXTS, *REPORT_CHOICES)
Typed = Mapping[str, str]


@router.get("/report")
def show_report(
    request: Request,
    session: ReadSession,
    actor: ActorDep,
    renderer: RendererDep,
    project: Annotated[str, Query(max_length=120)] = "",
) -> Response:
    """Show the form to report a bug."""
    typed = dict.fromkeys(REPORT_FIELDS, "")
    typed |= {"issue_type": "bug", "project": project, "once": str(uuid4())}
    return _render_report(request, session, actor, renderer, typed)


@router.post("/report")
def take_report(
    request: Request, database: DatabaseDep, actor: ActorDep, renderer: RendererDep, form: FormFields
) -> Response:
    """Report; the same form sent twice makes one issue. Choosing the project only shows what it offers."""
    typed = dict.fromkeys(REPORT_FIELDS, "") | form
    if "choose" in form:
        with database.snapshot() as session:
            return _render_report(request, session, actor, renderer, typed)
    try:
        with database.transaction() as session:
            issue = _report_once(session, actor, typed)
            return see_other(f"/issues/{issue.key}")
    except (InvalidError, ConflictError, NotFoundError) as error:
        with database.snapshot() as session:
            return _render_report(request, session, actor, renderer, typed, error)


def _report_once(session: Session, actor: Actor, typed: Typed) -> Issue:
    try:
        once = UUID(typed["once"])
    except ValueError as error:
        raise FieldValueError("once", "The form is damaged. Load the page again; your text is still in it.") from error
    before = session.scalars(select(Issue).where(Issue.uuid == once, Issue.reporter_id == actor.user_id)).first()
    if before is not None:
        return before
    if not typed["project"].strip():
        raise FieldValueError("project", "Choose the project that the report is about.")
    if not typed["title"].strip():
        raise FieldValueError("title", "Say in a few words what is wrong.")
    chosen = {name: typed[name].strip() for name in REPORT_CHOICES if typed[name].strip()}
    texts = {name: typed[name].replace("\r\n", "\n") for name in REPORT_TEXTS}
    labels = split_labels(typed["labels"])
    body = read_body(IssueCreate, {"project": typed["project"], "labels": labels, **texts, **chosen})
    return report_issue(
        session,
        get_project(session, actor, body.project),
        title=body.title,
        reporter_id=require_user_id(actor),
        actor=actor,
        now=utc_now(),
        fields=body.model_dump(exclude={"project", "title"}, exclude_unset=True),
        uuid=once,
    )


def _render_report(
    request: Request,
    session: Session,
    actor: Actor,
    renderer: Renderer,
    typed: Typed,
    error: BugFlowError | None = None,
) -> Response:
    projects = list_projects(session, actor)
    named = [each for each in projects if typed["project"].lower() in {each.key.lower(), str(each.uuid)}]
    only = projects[0] if len(projects) == 1 and not typed["project"] else None
    chosen = named[0] if named else only
    return renderer.render(
        request,
        "issues/report.html",
        viewer=actor,
        error=error,
        projects=projects,
        chosen=chosen,
        typed=typed,
        kept=find_kept_form(request),
        wrong=problems_by_field(error),
        choices=list_choices(session, chosen.id if chosen else None),
    )
