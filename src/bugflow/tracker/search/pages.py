"""The issue list in the browser, and the searches one keeps."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Query, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError, ConflictError, InvalidError
from bugflow.core.http.dependencies import DatabaseDep, ReadSession, WriteSession
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import Actor, require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.pages import PAGE_DEPENDENCIES
from bugflow.tracker.issues.queries import IssueRow, list_rows
from bugflow.tracker.search.errors import SearchNameError
from bugflow.tracker.search.language import parse_query
from bugflow.tracker.search.queries import find_numbers
from bugflow.tracker.search.service import forget_search, list_saved_searches, save_search
from bugflow.web.forms import FormFields, find_kept_form
from bugflow.web.rendering import Renderer, RendererDep, see_other

router = Router(include_in_schema=False, dependencies=PAGE_DEPENDENCIES)

PAGE = 50
STANDARD_QUERY = "is:open"
TABS = (
    ("Open", "is:open"),
    ("Mine", "is:open assignee:@me"),
    ("Reported by me", "reporter:@me"),
    ("Unassigned", "is:open is:unassigned"),
    ("All", ""),
)
ORDERS = (
    ("Recently updated", ""),
    ("Newest", "sort:created"),
    ("Highest priority", "sort:priority"),
    ("Most severe", "sort:severity"),
    ("Due first", "sort:due-asc"),
)


@router.get("/")
def start() -> Response:
    """Go to the issues."""
    return see_other("/issues")


@router.get("/issues")
def show_issues(
    request: Request,
    session: ReadSession,
    actor: ActorDep,
    renderer: RendererDep,
    q: Annotated[str | None, Query(max_length=1000)] = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    """Show the issues that a query asks for."""
    query = STANDARD_QUERY if q is None else q.strip()
    try:
        page = find_numbers(session, actor, parse_query(query), limit=PAGE, cursor=cursor)
    except InvalidError as error:
        return _render(request, session, actor, renderer, query, error=error)
    return _render(
        request,
        session,
        actor,
        renderer,
        query,
        rows=list_rows(session, page.numbers),
        next_cursor=page.next_cursor,
        continued=cursor is not None,
    )


@router.get("/searches")
def show_issues_of_form() -> Response:
    """Go to the issues: this is the address of a page that a refused form was shown on."""
    return see_other("/issues")


@router.post("/searches")
def take_search(
    request: Request, database: DatabaseDep, actor: ActorDep, renderer: RendererDep, form: FormFields
) -> Response:
    """Keep a query under a name."""
    query, name = form.get("query", "")[:1000], form.get("name", "").strip()
    try:
        with database.transaction() as session:
            if not name or len(name) > 100:  # noqa: PLR2004 -- The column's length.
                raise SearchNameError
            owner = require_user_id(actor)
            save_search(session, name=name, query=query, project=None, owner_id=owner, now=utc_now())
    except (InvalidError, ConflictError) as error:
        with database.snapshot() as session:
            return _render(request, session, actor, renderer, query, error=error)
    return see_other(f"/issues?{urlencode({'q': query})}")


@router.post("/searches/{search}/forget")
def take_forget(search: UUID, session: WriteSession, actor: ActorDep) -> Response:
    """Forget one of your searches."""
    forget_search(session, search, actor=actor)
    return see_other("/issues")


def _render(
    request: Request,
    session: Session,
    actor: Actor,
    renderer: Renderer,
    query: str,
    *,
    rows: Sequence[IssueRow] = (),
    next_cursor: str | None = None,
    continued: bool = False,
    error: BugFlowError | None = None,
) -> Response:
    kept = find_kept_form(request)
    words = [word for word in query.split() if not word.startswith("sort:")]
    bare = " ".join(words)
    return renderer.render(
        request,
        "search/issues.html",
        viewer=actor,
        error=error,
        query=query,
        bare_query=bare,
        tabs=TABS,
        orders=[(name, f"{bare} {order}".strip()) for name, order in ORDERS],
        saved=list_saved_searches(session, actor),
        rows=rows,
        next_cursor=next_cursor,
        continued=continued,
        name=kept.fields.get("name", "") if kept else "",
    )
