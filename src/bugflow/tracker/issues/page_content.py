"""What the issue page shows beside the issue: its course, its files, what it relates to, what may be chosen."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.permissions import REPORTER_FIELDS, may_change
from bugflow.tracker.issues.queries import (
    IssueView,
    RelationView,
    list_attachments,
    list_changes,
    list_comments,
    list_relations,
    view_issue,
)
from bugflow.tracker.issues.tables import Attachment, Comment, Issue, IssueChange, Watcher
from bugflow.tracker.issues.vocabulary import ISSUE_TYPES, NEXT_STATUSES, PRIORITIES, RESOLUTIONS
from bugflow.tracker.projects.vocabularies import list_components, list_severities, list_teams

MOST_ENTRIES = 1000
MOST_PEOPLE = 500


@dataclass(frozen=True)
class Entry:
    """One thing that happened to an issue: a comment, or the fields that one person changed at one moment."""

    at: datetime
    author: User | None
    comment: Comment | None = None
    changes: Sequence[IssueChange] = ()


@dataclass(frozen=True)
class Choices:
    """What the fields of a form offer."""

    severities: Sequence[str]
    teams: Sequence[str]
    components: Sequence[str]
    people: Sequence[User] = ()
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
    relations: Sequence[RelationView]
    watching: bool
    watchers: int
    may_edit_text: bool
    may_edit_fields: bool
    may_comment: bool
    choices: Choices | None = field(default=None)


def read_issue_page(session: Session, viewer: Actor, issue: Issue) -> IssuePage:
    """Return what the page of an issue shows to a viewer."""
    watchers = list(session.scalars(select(Watcher.user_id).where(Watcher.issue_id == issue.id)))
    may_edit_fields = may_change(issue, {"severity"}, actor=viewer)
    may_set_status = may_change(issue, {"status"}, actor=viewer)
    return IssuePage(
        view=view_issue(session, issue),
        entries=_list_entries(session, issue),
        attachments=list_attachments(session, issue),
        relations=list_relations(session, viewer, issue),
        watching=viewer.user_id in watchers,
        watchers=len(watchers),
        may_edit_text=may_change(issue, REPORTER_FIELDS, actor=viewer),
        may_edit_fields=may_edit_fields,
        may_comment=viewer.may(Permission.COMMENT),
        choices=_list_issue_choices(session, viewer, issue) if may_edit_fields or may_set_status else None,
    )


def _list_entries(session: Session, issue: Issue) -> list[Entry]:
    entries = [
        Entry(comment.created_at, author, comment=comment)
        for comment, author in list_comments(session, issue, limit=MOST_ENTRIES)
    ]
    together: dict[tuple[datetime, int | None], list[IssueChange]] = {}
    people: dict[int | None, User | None] = {}
    for change, actor in list_changes(session, issue, limit=MOST_ENTRIES):
        together.setdefault((change.at, change.actor_id), []).append(change)
        people[change.actor_id] = actor
    entries += [Entry(at, people[who], changes=changes) for (at, who), changes in together.items()]
    return sorted(entries, key=lambda entry: entry.at)


def _list_issue_choices(session: Session, viewer: Actor, issue: Issue) -> Choices:
    allowed = NEXT_STATUSES[issue.status]
    if not viewer.may(Permission.WORK_ON_OWN_ISSUES):
        allowed = tuple(status for status in allowed if status in {"closed", "open"})
    return list_choices(session, issue.project_id, people=True, statuses=(issue.status, *allowed))


def list_choices(
    session: Session, project_id: int | None, *, people: bool = False, statuses: Sequence[str] = ()
) -> Choices:
    """Return what may be chosen in a project; none means what every project has."""
    return Choices(
        severities=[each.name for each in list_severities(session, project_id)],
        teams=[each.name for each in list_teams(session, project_id)],
        components=[each.name for each in list_components(session, project_id)] if project_id is not None else [],
        people=_list_people(session) if people else [],
        statuses=statuses,
    )


def _list_people(session: Session) -> Sequence[User]:
    can_sign_in = (User.is_active, User.password_hash.is_not(None))
    return session.scalars(select(User).where(*can_sign_in).order_by(User.name).limit(MOST_PEOPLE)).all()
