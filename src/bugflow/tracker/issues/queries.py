"""Reading issues: only those that the reader may see, with names in place of numbers, and never a query per row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from typing import TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    String,
    Uuid,
    and_,
    bindparam,
    column,
    func,
    or_,
    select,
    table,
    true,
)
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.errors import AttachmentNotFoundError, CommentNotFoundError, IssueNotFoundError
from bugflow.tracker.issues.tables import (
    Attachment,
    Comment,
    Issue,
    IssueChange,
    IssueLabel,
    IssueRelation,
    Watcher,
)
from bugflow.tracker.projects.queries import visible_to as project_visible_to
from bugflow.tracker.projects.tables import Component, Project, Severity, Team

LARGEST_NUMBER = 2**31 - 1
DIGITS = len(str(LARGEST_NUMBER))
HIDDEN = "an issue that you may not see"
"""What is said in place of a key."""

KEPT_CONDITIONS = 500
"""Of so many people the conditions are kept, which cost more to build than most queries to run."""

_SPRINTS = table(
    "sprints", column("id", Integer), column("uuid", Uuid), column("name", String), column("state", String)
)
"""What an issue shows of its sprint; by name, because the area of sprints builds on this one."""

# Built once: building a statement costs more than running it.
_SPRINT_NAMES = select(_SPRINTS).where(_SPRINTS.c.id.in_(bindparam("sprints", expanding=True)))
_LABELS = (
    select(IssueLabel.issue_id, IssueLabel.label)
    .where(IssueLabel.issue_id.in_(bindparam("issues", expanding=True)))
    .order_by(IssueLabel.issue_id, IssueLabel.label)
)
_ROWS = (
    select(
        Issue.id,
        Issue.key,
        Issue.title,
        Issue.status,
        Issue.severity_rank,
        Issue.comment_count,
        Issue.updated_at,
        Severity.name.label("severity"),
        Team.name.label("team"),
        User.name.label("assignee"),
    )
    .outerjoin(Severity, Severity.id == Issue.severity_id)
    .outerjoin(Team, Team.id == Issue.team_id)
    .outerjoin(User, User.id == Issue.assignee_id)
    .where(Issue.id.in_(bindparam("numbers", expanding=True)))
)
_COMMENTS = (
    select(Comment, User)
    .join(User, User.id == Comment.author_id)
    .where(Comment.issue_id == bindparam("issue"), Comment.id > bindparam("after"))
    .order_by(Comment.id)
    .limit(bindparam("most"))
)
_CHANGES = (
    select(IssueChange, User)
    .outerjoin(User, User.id == IssueChange.actor_id)
    .where(IssueChange.issue_id == bindparam("issue"), IssueChange.id > bindparam("after"))
    .order_by(IssueChange.id)
    .limit(bindparam("most"))
)
_ATTACHMENTS = select(Attachment).where(Attachment.issue_id == bindparam("issue")).order_by(Attachment.id)
_RELATIONS = (
    select(IssueRelation)
    .where(or_(IssueRelation.source_id == bindparam("issue"), IssueRelation.target_id == bindparam("issue")))
    .order_by(IssueRelation.id)
)

Named = TypeVar("Named", Project, Severity, Team, Component, User, Issue)


@dataclass(frozen=True)
class SprintName:
    """The sprint an issue is in."""

    id: int
    uuid: UUID
    name: str
    state: str


@dataclass(frozen=True)
class IssueView:
    """An issue with everything a list shows of it."""

    issue: Issue
    project: Project
    severity: Severity | None
    team: Team | None
    component: Component | None
    assignee: User | None
    reporter: User
    labels: tuple[str, ...]
    sprint: SprintName | None = None


@dataclass(frozen=True, slots=True)
class IssueRow:
    """A line of a list of issues: what it shows and nothing else, since there are many."""

    labels: tuple[str, ...]
    key: str
    title: str
    status: str
    severity_rank: int
    comment_count: int
    updated_at: datetime
    severity: str | None
    team: str | None
    assignee: str | None


@dataclass(frozen=True)
class RelationView:
    """A relation as seen from one of its issues; `outgoing` if that issue is its source."""

    relation: IssueRelation
    other: Issue
    outgoing: bool


@lru_cache(KEPT_CONDITIONS)
def visible_to(viewer: Actor) -> ColumnElement[bool]:
    """The condition that an issue may be seen: its project is, and it is not restricted to others."""
    in_project: ColumnElement[bool] = true()
    if not viewer.may(Permission.SEE_ALL_PROJECTS):
        in_project = Issue.project_id.in_(select(Project.id).where(project_visible_to(viewer)))
    if viewer.may(Permission.SEE_RESTRICTED):
        return in_project
    own = or_(Issue.reporter_id == viewer.user_id, Issue.assignee_id == viewer.user_id)
    return and_(in_project, or_(Issue.restricted.is_(False), own))


def find_issue(session: Session, issue_id: int) -> Issue | None:
    """Return an issue by its number without regard to who may see it; for jobs."""
    return session.get(Issue, issue_id)


def get_issue(session: Session, viewer: Actor, reference: str | int | UUID) -> Issue:
    """Return a visible issue by number, UUID or key.

    Raises:
        IssueNotFoundError: There is none, or the viewer may not see it.
    """
    named = _read_reference(str(reference).strip())
    issue = None
    if named is not None:
        column, wanted = named
        issue = session.scalars(_select_visible(viewer, column), {"wanted": wanted}).first()
    if issue is None:
        raise IssueNotFoundError(reference)
    return issue


@lru_cache(KEPT_CONDITIONS)
def _select_visible(viewer: Actor, column: str) -> Select[Issue]:
    return select(Issue).where(getattr(Issue, column) == bindparam("wanted"), visible_to(viewer))


def get_issues(session: Session, viewer: Actor, references: Sequence[str | int | UUID]) -> list[Issue]:
    """Return visible issues in the order asked for, each once.

    Raises:
        IssueNotFoundError: One of them does not exist, or the viewer may not see it.
    """
    found = {}
    for reference in references:
        issue = get_issue(session, viewer, reference)
        found[issue.id] = issue
    return list(found.values())


def _read_reference(reference: str) -> tuple[str, int | str | UUID] | None:
    """Return the column that a reference is of, and its value there; none where no issue can have it."""
    bare = reference.removeprefix("#")
    if bare.isascii() and bare.isdigit():
        return ("id", int(bare)) if len(bare) <= DIGITS and int(bare) <= LARGEST_NUMBER else None
    try:
        return "uuid", UUID(reference)
    except ValueError:
        return ("key", reference.upper()) if reference.isprintable() else None


def load_issues(session: Session, numbers: Sequence[int]) -> list[Issue]:
    """Return issues by their numbers, in the same order; without regard to who may see them."""
    found = _by_id(session, Issue, numbers)
    return [found[number] for number in numbers if number in found]


def list_rows(session: Session, numbers: Sequence[int]) -> list[IssueRow]:
    """Return lines of a list by their issues' numbers, in the same order; without regard to who may see them."""
    if not numbers:
        return []
    labels = _list_labels(session, numbers)
    found = {number: shown for number, *shown in session.execute(_ROWS, {"numbers": numbers})}
    return [IssueRow(tuple(labels.get(number, ())), *found[number]) for number in numbers if number in found]


def _list_labels(session: Session, numbers: Sequence[int]) -> dict[int, list[str]]:
    labels: dict[int, list[str]] = {}
    for issue_id, label in session.execute(_LABELS, {"issues": numbers}) if numbers else ():
        labels.setdefault(issue_id, []).append(label)
    return labels


def view_issues(session: Session, issues: Sequence[Issue]) -> list[IssueView]:
    """Return issues with their names, in the same order; the number of queries does not depend on theirs."""
    labels = _list_labels(session, [issue.id for issue in issues])
    projects = _by_id(session, Project, (issue.project_id for issue in issues))
    severities = _by_id(session, Severity, (issue.severity_id for issue in issues))
    teams = _by_id(session, Team, (issue.team_id for issue in issues))
    components = _by_id(session, Component, (issue.component_id for issue in issues))
    sprints = _name_sprints(session, {issue.sprint_id for issue in issues if issue.sprint_id is not None})
    users = _by_id(session, User, (each for issue in issues for each in (issue.assignee_id, issue.reporter_id)))
    return [
        IssueView(
            issue=issue,
            project=projects[issue.project_id],
            severity=severities.get(issue.severity_id),
            team=teams.get(issue.team_id),
            component=components.get(issue.component_id),
            assignee=users.get(issue.assignee_id),
            reporter=users[issue.reporter_id],
            labels=tuple(labels.get(issue.id, ())),
            sprint=sprints.get(issue.sprint_id),
        )
        for issue in issues
    ]


def _name_sprints(session: Session, numbers: set[int]) -> dict[int | None, SprintName]:
    if not numbers:
        return {}
    rows = session.execute(_SPRINT_NAMES, {"sprints": list(numbers)})
    return {row.id: SprintName(row.id, row.uuid, row.name, row.state) for row in rows}


def view_issue(session: Session, issue: Issue) -> IssueView:
    """Return one issue with its names."""
    return view_issues(session, [issue])[0]


def _by_id(session: Session, table: type[Named], numbers: Iterable[int | None]) -> dict[int | None, Named]:
    """Return rows by their numbers; those that the session has read already are not read again."""
    found: dict[int | None, Named] = {}
    missing = []
    for number in {number for number in numbers if number is not None}:
        present = session.identity_map.get(identity_key(table, number))
        if present is None:
            missing.append(number)
        else:
            found[number] = present
    if missing:
        found |= {row.id: row for row in session.scalars(_select_by_id(table), {"numbers": missing})}
    return found


@cache
def _select_by_id(table: type[Named]) -> Select[Named]:
    return select(table).where(table.id.in_(bindparam("numbers", expanding=True)))


def list_comments(
    session: Session, issue: Issue, *, after_id: int = 0, limit: int = 100
) -> Sequence[tuple[Comment, User]]:
    """Return comments with their authors, oldest first, beginning behind `after_id`."""
    rows = session.execute(_COMMENTS, {"issue": issue.id, "after": after_id, "most": limit})
    return [(comment, author) for comment, author in rows]


def get_comment(session: Session, issue: Issue, comment_id: int) -> Comment:
    """Return a comment of the issue that is not deleted.

    Raises:
        CommentNotFoundError: There is none.
    """
    comment = session.get(Comment, comment_id) if comment_id <= LARGEST_NUMBER else None
    if comment is None or comment.issue_id != issue.id or comment.deleted_at is not None:
        raise CommentNotFoundError(comment_id)
    return comment


def list_changes(
    session: Session, issue: Issue, *, after_id: int = 0, limit: int = 100
) -> Sequence[tuple[IssueChange, User | None]]:
    """Return the history of the issue's fields, oldest first, beginning behind `after_id`.

    It names related issues without regard to who may see them.
    """
    rows = session.execute(_CHANGES, {"issue": issue.id, "after": after_id, "most": limit})
    return [(change, actor) for change, actor in rows]


def list_attachments(session: Session, issue: Issue) -> Sequence[Attachment]:
    """Return the attachments of an issue, oldest first."""
    return session.scalars(_ATTACHMENTS, {"issue": issue.id}).all()


def get_attachment(session: Session, issue: Issue, reference: UUID) -> Attachment:
    """Return an attachment of the issue.

    Raises:
        AttachmentNotFoundError: There is none.
    """
    attachment = session.scalars(
        select(Attachment).where(Attachment.uuid == reference, Attachment.issue_id == issue.id)
    ).first()
    if attachment is None:
        raise AttachmentNotFoundError(reference)
    return attachment


def list_relations(session: Session, viewer: Actor, issue: Issue) -> list[RelationView]:
    """Return the relations of an issue to others that the viewer may see, those that begin at it first."""
    relations = session.scalars(_RELATIONS, {"issue": issue.id}).all()
    if not relations:
        return []
    others = {relation.target_id if relation.source_id == issue.id else relation.source_id for relation in relations}
    rows = session.scalars(select(Issue).where(Issue.id.in_(others), visible_to(viewer)))
    visible = {other.id: other for other in rows}
    return [
        *(RelationView(each, visible[each.target_id], True) for each in relations if each.target_id in visible),
        *(RelationView(each, visible[each.source_id], False) for each in relations if each.source_id in visible),
    ]


def list_watchers(session: Session, issue: Issue) -> Sequence[User]:
    """Return who follows the issue, by name."""
    return session.scalars(
        select(User).join(Watcher, Watcher.user_id == User.id).where(Watcher.issue_id == issue.id).order_by(User.name)
    ).all()


def count_by_status(session: Session, viewer: Actor, project: Project | None = None) -> dict[str, int]:
    """Return how many visible issues each status has."""
    condition = true() if project is None else Issue.project_id == project.id
    rows = session.execute(
        select(Issue.status, func.count().label("amount")).where(visible_to(viewer), condition).group_by(Issue.status)
    )
    return {row.status: row.amount for row in rows}
