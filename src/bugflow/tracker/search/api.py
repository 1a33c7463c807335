"""Finding issues and keeping searches over HTTP."""

from itertools import islice
from typing import Annotated
from uuid import UUID

from fastapi import Query, status

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.pagination import Page
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.queries import view_issues
from bugflow.tracker.issues.schemas import IssueRead
from bugflow.tracker.projects.queries import get_project
from bugflow.tracker.search.board import COUNTED, read_board
from bugflow.tracker.search.language import parse_query
from bugflow.tracker.search.queries import search_issues
from bugflow.tracker.search.schemas import BoardColumnRead, SavedSearchCreate, SavedSearchRead
from bugflow.tracker.search.service import forget_search, list_saved_searches, save_search

router = Router(tags=["search"])


@router.get("/issues")
def find_issues(
    session: ReadSession,
    actor: ActorDep,
    q: Annotated[str, Query(max_length=1000, description='For example: is:open team:Backend "null pointer"')] = "",
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[IssueRead]:
    """Find issues by words and fields, a page at a time."""
    page = search_issues(session, actor, parse_query(q), limit=limit, cursor=cursor)
    items = [IssueRead.of(view) for view in view_issues(session, page.issues)]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get("/board")
def show_board(
    session: ReadSession,
    actor: ActorDep,
    q: Annotated[str, Query(max_length=1000, description="For example: project:WEB team:Backend")] = "",
    limit: Annotated[int, Query(ge=1, le=100, description="Issues of each column.")] = 50,
) -> list[BoardColumnRead]:
    """Read the board: a column for every status, with its first issues and how many there are."""
    columns = read_board(session, actor, parse_query(q), limit=limit)
    views = iter(view_issues(session, [issue for column in columns for issue in column.issues]))
    return [
        BoardColumnRead(
            status=column.status,
            count=column.count,
            count_is_exact=column.count < COUNTED,
            issues=[IssueRead.of(view) for view in islice(views, len(column.issues))],
            next_cursor=column.next_cursor,
        )
        for column in columns
    ]


@router.get("/saved-searches")
def read_saved_searches(session: ReadSession, actor: ActorDep) -> list[SavedSearchRead]:
    """List your saved searches and those shared with your projects."""
    return [SavedSearchRead.model_validate(each) for each in list_saved_searches(session, actor)]


@router.post("/saved-searches", status_code=status.HTTP_201_CREATED)
def create_saved_search(body: SavedSearchCreate, session: WriteSession, actor: ActorDep) -> SavedSearchRead:
    """Keep a query under a name."""
    project = get_project(session, actor, body.project) if body.project else None
    saved = save_search(
        session,
        name=body.name,
        query=body.query,
        project=project,
        owner_id=require_user_id(actor),
        now=utc_now(),
    )
    return SavedSearchRead.model_validate(saved)


@router.delete("/saved-searches/{search}", status_code=status.HTTP_204_NO_CONTENT)
def delete_saved_search(search: UUID, session: WriteSession, actor: ActorDep) -> None:
    """Forget one of your saved searches."""
    forget_search(session, search, actor=actor)
