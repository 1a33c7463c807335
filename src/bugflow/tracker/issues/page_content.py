"""What the issue page shows beside the issue: its course, its files, what it relates to, what may be chosen."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy import Integer, String, bindparam, column, func, or_, select, table
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.history import list_visible_changes
from bugflow.tracker.issues.permissions import REPORTER_FIELDS, may_change
from bugflow.tracker.issues.queries import (
    IssueView,
    RelationView,
    list_attachments,
    list_comments,
    list_relations,
    view_issue,
    visible_to,
)
from bugflow.tracker.issues.tables import Attachment, Comment, Issue, IssueChange, Watcher
from bugflow.tracker.issues.vocabulary import ISSUE_TYPES, NEXT_STATUSES, PRIORITIES, RESOLUTIONS
from bugflow.tracker.projects.tables import Component, Severity, Team
from bugflow.tracker.projects.vocabularies import list_components, list_severities, list_teams
from bugflow.web.markdown import Link, find_references

MOST_ENTRIES = 1000
MOST_PEOPLE = 500
MOST_REFERENCES = 200
MOST_MENTIONS = 50

_IMPORTED = table("imported_records", column("kind", String), column("target_id", Integer))
"""What came from another tracker; by name, because the area of imports builds on this one."""

_PEOPLE = (
    select(User.uuid, User.name)
    .where(User.is_active, User.password_hash.is_not(None))
    .order_by(User.name)
    .limit(MOST_PEOPLE)
)
_WATCHERS = select(Watcher.user_id).where(Watcher.issue_id == bindparam("issue"))


@dataclass(frozen=True)
class Entry:
    """One thing that happened to an issue: a comment, or the fields that one person changed at one moment."""

    at: datetime
    author: User | None
    comment: Comment | None = None
    changes: Sequence[IssueChange] = ()


@dataclass(frozen=True)
class RelationRow:
    """A relation, and whether the viewer may take it back."""

    view: RelationView
    removable: bool


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom an issue can be given to."""

    uuid: str
    name: str


@dataclass(frozen=True)
class Choices:
    """What the fields of a form offer."""

    severities: Sequence[Severity]
    teams: Sequence[Team]
    components: Sequence[Component]
    people: Sequence[Person] = ()
    statuses: Sequence[str] = ()
    issue_types: Sequence[str] = ISSUE_TYPES
    priorities: Sequence[str] = tuple(reversed(PRIORITIES))
    resolutions: Sequence[str] = RESOLUTIONS


@dataclass(frozen=True)
class IssuePage:
    """Everything on the page of an issue."""

    view: IssueView
    entries: Sequence[Entry]
    attachments: Sequence[Attachment]
    relations: Sequence[RelationRow]
    links: Mapping[str, Link]
    last_comment_id: int
    watching: bool
    watchers: int
    may_edit_text: bool
    may_edit_fields: bool
    may_comment: bool
    may_relate: bool
    choices: Choices | None = field(default=None)


def read_issue_page(session: Session, viewer: Actor, issue: Issue) -> IssuePage:
    """Return what the page of an issue shows to a viewer."""
    watchers = list(session.scalars(_WATCHERS, {"issue": issue.id}))
    may_edit_fields = may_change(issue, {"severity"}, actor=viewer)
    may_set_status = may_change(issue, {"status"}, actor=viewer)
    # First, so that what the issue has of it is not read again.
    choices = _list_issue_choices(session, viewer, issue) if may_edit_fields or may_set_status else None
    view = view_issue(session, issue)
    comments = list_comments(session, issue, limit=MOST_ENTRIES)
    entries = _list_entries(comments, list_visible_changes(session, viewer, issue, limit=MOST_ENTRIES))
    texts = (issue.description, *(entry.comment.body for entry in entries if entry.comment is not None))
    return IssuePage(
        view=view,
        entries=entries,
        attachments=list_attachments(session, issue),
        relations=_list_relation_rows(session, viewer, issue),
        links=link_references(session, viewer, issue, texts),
        last_comment_id=_last_comment_id(session, issue, comments),
        watching=viewer.user_id in watchers,
        watchers=len(watchers),
        may_edit_text=may_change(issue, REPORTER_FIELDS, actor=viewer),
        may_edit_fields=may_edit_fields,
        may_comment=viewer.may(Permission.COMMENT),
        may_relate=may_change(issue, {"relations"}, actor=viewer),
        choices=None if choices is None else _offer(choices, view.assignee),
    )


def _last_comment_id(session: Session, issue: Issue, shown: Sequence[tuple[Comment, User]]) -> int:
    if len(shown) < MOST_ENTRIES:
        return shown[-1][0].id if shown else 0
    return session.scalar(select(func.max(Comment.id)).where(Comment.issue_id == issue.id)) or 0


def _list_entries(
    comments: Sequence[tuple[Comment, User]], history: Sequence[tuple[IssueChange, User | None]]
) -> list[Entry]:
    entries = [Entry(comment.created_at, author, comment=comment) for comment, author in comments]
    together: dict[tuple[datetime, int | None], list[IssueChange]] = {}
    people: dict[int | None, User | None] = {}
    for change, actor in history:
        together.setdefault((change.at, change.actor_id), []).append(change)
        people[change.actor_id] = actor
    entries += [Entry(at, people[who], changes=changes) for (at, who), changes in together.items()]
    return sorted(entries, key=lambda entry: entry.at)


def _list_relation_rows(session: Session, viewer: Actor, issue: Issue) -> list[RelationRow]:
    return [
        RelationRow(view, may_change(issue if view.outgoing else view.other, {"relations"}, actor=viewer))
        for view in list_relations(session, viewer, issue)
    ]


def link_references(session: Session, viewer: Actor, issue: Issue, texts: Iterable[str]) -> dict[str, Link]:
    """Return where the issues and people lead that an issue's texts name; what is not here, or hidden, leads nowhere.

    In an imported issue `#7` is a number of the tracker it came from, never one of ours.
    """
    written = find_references(texts, limit=MOST_REFERENCES)
    numbers = {each: int(each[1:]) for each in written if each.startswith("#")}
    keys = {each: each for each in written if each[0] not in "#@"}
    if numbers and _is_imported(session, issue):
        keys |= {each: f"{issue.key.rpartition('-')[0]}-{number}" for each, number in numbers.items()}
        numbers = {}
    links = _link_people(session, [each for each in written if each.startswith("@")])
    if not numbers and not keys:
        return links
    named = or_(Issue.key.in_(set(keys.values())), Issue.id.in_(set(numbers.values())))
    columns = (Issue.id, Issue.key, Issue.title, Issue.status, Issue.source_url)
    for number, key, title, status, address in session.execute(select(*columns).where(named, visible_to(viewer))):
        link = Link(f"/issues/{key}", title=f"{title} ({status.replace('_', ' ')})")
        links |= {each: link for each, wanted in numbers.items() if wanted == number}
        links |= {
            each: link
            for each, wanted in keys.items()
            if wanted == key and (each == key or address == _sibling_address(issue, each[1:]))
        }
    return links


def _is_imported(session: Session, issue: Issue) -> bool:
    if issue.source_url is not None:
        return True
    record = select(_IMPORTED.c.target_id).where(_IMPORTED.c.kind == "issue", _IMPORTED.c.target_id == issue.id)
    return session.scalar(record.limit(1)) is not None


def _sibling_address(issue: Issue, number: str) -> str:
    """Return where another issue of the tracker was that an issue came from: trackers end addresses with the number."""
    return f"{(issue.source_url or '').rpartition('/')[0]}/{number}"


def _link_people(session: Session, written: Sequence[str]) -> dict[str, Link]:
    """Return links for mentions: a whole e-mail address, or its first part where one user alone has it."""
    names = {each: each[1:].lower() for each in written[:MOST_MENTIONS]}
    if not names:
        return {}
    addresses = [
        User.email == name if "@" in name else User.email.startswith(f"{name}@", autoescape=True)
        for name in set(names.values())
    ]
    users = session.execute(select(User.email, User.name).where(or_(*addresses), User.is_active)).all()
    links = {}
    for each, name in names.items():
        fitting = [user for user in users if name in {user.email, user.email.partition("@")[0]}]
        if len(fitting) == 1:
            query = urlencode({"q": f"is:open assignee:{fitting[0].email}"})
            links[each] = Link(f"/issues?{query}", title=fitting[0].name)
    return links


def _list_issue_choices(session: Session, viewer: Actor, issue: Issue) -> Choices:
    allowed = NEXT_STATUSES[issue.status]
    if not viewer.may(Permission.WORK_ON_OWN_ISSUES):
        allowed = tuple(status for status in allowed if status in {"closed", "open"})
    return list_choices(session, issue.project_id, people=True, statuses=(issue.status, *allowed))


def _offer(choices: Choices, assignee: User | None) -> Choices:
    """Return the choices with whom the issue is given to now, who may have left."""
    present = None if assignee is None else Person(str(assignee.uuid), assignee.name)
    if present is None or present in choices.people:
        return choices
    return replace(choices, people=(*choices.people, present))


def list_choices(
    session: Session, project_id: int | None, *, people: bool = False, statuses: Sequence[str] = ()
) -> Choices:
    """Return what may be chosen in a project; none means what every project has."""
    return Choices(
        severities=list_severities(session, project_id),
        teams=list_teams(session, project_id),
        components=list_components(session, project_id) if project_id is not None else [],
        people=_list_people(session) if people else [],
        statuses=statuses,
    )


def _list_people(session: Session) -> list[Person]:
    return [Person(str(uuid), name) for uuid, name in session.execute(_PEOPLE)]
