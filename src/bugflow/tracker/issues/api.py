"""Issues over HTTP, under /api/v1/issues."""

from typing import Annotated

from fastapi import Path, Query, status

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import ReadSession, WriteSession
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.actor import require_user_id
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.issues.clusters import list_cluster_comments
from bugflow.tracker.issues.comments import add_comment, delete_comment, edit_comment
from bugflow.tracker.issues.history import list_visible_changes
from bugflow.tracker.issues.queries import (
    get_comment,
    get_issue,
    get_issues,
    list_comments,
    list_relations,
    list_watchers,
    view_issue,
)
from bugflow.tracker.issues.relations import relate_issues, unrelate_issues
from bugflow.tracker.issues.schemas import (
    BulkPatch,
    BulkRead,
    ChangeRead,
    CommentRead,
    CommentWrite,
    IssueCreate,
    IssuePatch,
    IssueRead,
    RelationCreate,
    RelationRead,
    UserBrief,
)
from bugflow.tracker.issues.service import change_issue, report_issue, unwatch_issue, watch_issue
from bugflow.tracker.projects.queries import get_project
from bugflow.tracker.projects.tables import Project

router = Router(prefix="/issues", tags=["issues"])

AfterId = Annotated[int, Query(ge=0, le=2**31 - 1, description="Begin behind the entry with this number.")]
Limit = Annotated[int, Query(ge=1, le=500)]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.post("", status_code=status.HTTP_201_CREATED)
def create(body: IssueCreate, session: WriteSession, actor: ActorDep) -> IssueRead:
    """Report a bug, or create a story or task."""
    project = get_project(session, actor, body.project)
    fields = body.model_dump(exclude={"project", "title"}, exclude_unset=True)
    issue = report_issue(
        session,
        project,
        title=body.title,
        reporter_id=require_user_id(actor),
        actor=actor,
        now=utc_now(),
        fields=fields,
    )
    return IssueRead.of(view_issue(session, issue))


@router.patch("/bulk")
def change_many(body: BulkPatch, session: WriteSession, actor: ActorDep) -> BulkRead:
    """Make one change to many issues: all of them change, or none."""
    issues = get_issues(session, actor, body.issues)
    now, changes = utc_now(), body.changes.changes()
    made = [
        change_issue(session, issue, session.get_one(Project, issue.project_id), changes=changes, actor=actor, now=now)
        for issue in issues
    ]
    changed = sum(1 for each in made if each)
    return BulkRead(changed=changed, unchanged=len(issues) - changed)


@router.get("/{issue}")
def read(issue: str, session: ReadSession, actor: ActorDep) -> IssueRead:
    """Read an issue by its number, UUID or key."""
    return IssueRead.of(view_issue(session, get_issue(session, actor, issue)))


@router.patch("/{issue}")
def change(issue: str, body: IssuePatch, session: WriteSession, actor: ActorDep) -> IssueRead:
    """Change an issue. With `version`, a stale edit is refused by 409 instead of overwriting."""
    found = get_issue(session, actor, issue)
    change_issue(
        session,
        found,
        session.get_one(Project, found.project_id),
        changes=body.changes(),
        actor=actor,
        now=utc_now(),
        expected_version=body.version,
    )
    return IssueRead.of(view_issue(session, found))


@router.get("/{issue}/comments")
def read_comments(
    issue: str,
    session: ReadSession,
    actor: ActorDep,
    *,
    after: AfterId = 0,
    limit: Limit = 100,
    duplicates: Annotated[bool, Query(description="Whether those of its duplicates are wanted, too.")] = False,
) -> list[CommentRead]:
    """Read the comments of an issue, oldest first; with `duplicates`, also of the issues merged into it."""
    found = get_issue(session, actor, issue)
    if duplicates:
        places = list_cluster_comments(session, actor, found, after_id=after, limit=limit)
        return [CommentRead.of(comment, author, place) for comment, author, place in places]
    rows = list_comments(session, found, after_id=after, limit=limit)
    return [CommentRead.of(comment, author, found) for comment, author in rows]


@router.post("/{issue}/comments", status_code=status.HTTP_201_CREATED)
def comment(issue: str, body: CommentWrite, session: WriteSession, actor: ActorDep) -> CommentRead:
    """Comment on an issue; its watchers and whom you mention are told."""
    found = get_issue(session, actor, issue)
    author_id = require_user_id(actor)
    added = add_comment(session, found, body=body.body, author_id=author_id, actor=actor, now=utc_now())
    [(each, author)] = list_comments(session, found, after_id=added.id - 1, limit=1)
    return CommentRead.of(each, author, found)


@router.patch("/{issue}/comments/{comment_id}", status_code=status.HTTP_204_NO_CONTENT)
def change_comment(issue: str, comment_id: Number, body: CommentWrite, session: WriteSession, actor: ActorDep) -> None:
    """Edit a comment of your own."""
    found = get_issue(session, actor, issue)
    edit_comment(session, found, get_comment(session, found, comment_id), body=body.body, actor=actor, now=utc_now())


@router.delete("/{issue}/comments/{comment_id}", status_code=status.HTTP_204_NO_CONTENT)
def remove_comment(issue: str, comment_id: Number, session: WriteSession, actor: ActorDep) -> None:
    """Delete a comment of your own."""
    found = get_issue(session, actor, issue)
    delete_comment(session, found, get_comment(session, found, comment_id), actor=actor, now=utc_now())


@router.get("/{issue}/history")
def read_history(
    issue: str, session: ReadSession, actor: ActorDep, after: AfterId = 0, limit: Limit = 100
) -> list[ChangeRead]:
    """Read every change of the issue's fields, oldest first."""
    rows = list_visible_changes(session, actor, get_issue(session, actor, issue), after_id=after, limit=limit)
    return [ChangeRead.of(each, who) for each, who in rows]


@router.get("/{issue}/relations")
def read_relations(issue: str, session: ReadSession, actor: ActorDep) -> list[RelationRead]:
    """Read what the issue duplicates, blocks or relates to, and what does so to it."""
    return [RelationRead.of(view) for view in list_relations(session, actor, get_issue(session, actor, issue))]


@router.post("/{issue}/relations", status_code=status.HTTP_201_CREATED)
def relate(issue: str, body: RelationCreate, session: WriteSession, actor: ActorDep) -> RelationRead:
    """Say that this issue duplicates, blocks or relates to another."""
    source, target = get_issue(session, actor, issue), get_issue(session, actor, body.target)
    relation = relate_issues(session, source, target, kind=body.kind, actor=actor, now=utc_now())
    views = list_relations(session, actor, source)
    return next(RelationRead.of(view) for view in views if view.relation.id == relation.id)


@router.delete("/{issue}/relations/{relation_id}", status_code=status.HTTP_204_NO_CONTENT)
def unrelate(issue: str, relation_id: Number, session: WriteSession, actor: ActorDep) -> None:
    """Take a relation back."""
    unrelate_issues(session, get_issue(session, actor, issue), relation_id, actor=actor, now=utc_now())


@router.get("/{issue}/watchers")
def read_watchers(issue: str, session: ReadSession, actor: ActorDep) -> list[UserBrief]:
    """Read who follows the issue."""
    found = get_issue(session, actor, issue)
    return [UserBrief.model_validate(user) for user in list_watchers(session, found)]


@router.put("/{issue}/watch", status_code=status.HTTP_204_NO_CONTENT)
def watch(issue: str, session: WriteSession, actor: ActorDep) -> None:
    """Follow the issue."""
    watch_issue(session, get_issue(session, actor, issue), require_user_id(actor), now=utc_now())


@router.delete("/{issue}/watch", status_code=status.HTTP_204_NO_CONTENT)
def unwatch(issue: str, session: WriteSession, actor: ActorDep) -> None:
    """No longer follow the issue."""
    unwatch_issue(session, get_issue(session, actor, issue), require_user_id(actor))
