"""Reporting and changing issues: rules, history, audit, full text and announcements in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from bugflow.core.jobs.events import announce
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.issues.changes import TEXT_FIELDS, FieldChange, apply_changes
from bugflow.tracker.issues.errors import FieldValueError, StaleIssueError, StatusChangeError
from bugflow.tracker.issues.events import IssueChanged, IssueReported
from bugflow.tracker.issues.permissions import require_may_change, require_may_set_status
from bugflow.tracker.issues.tables import Issue, IssueChange, Watcher
from bugflow.tracker.issues.text_index import index_issue, index_new_issue
from bugflow.tracker.issues.vocabulary import FINISHED, NEXT_STATUSES
from bugflow.tracker.projects.service import require_active
from bugflow.tracker.projects.tables import Project

# Built once: building a statement costs more than running it.
_NEXT_NUMBER = (
    update(Project)
    .where(Project.id == bindparam("project"))
    .values(last_issue_number=Project.last_issue_number + 1)
    .returning(Project.last_issue_number)
    .execution_options(synchronize_session=False)
)
_NUMBER_OF_KEY = select(Issue.id).where(Issue.key == bindparam("key"))


def report_issue(
    session: Session,
    project: Project,
    *,
    title: str,
    reporter_id: int,
    actor: Actor,
    now: datetime,
    fields: Mapping[str, Any] | None = None,
    uuid: UUID | None = None,
) -> Issue:
    """Create an issue with the next key of its project; its reporter watches it.

    A `uuid` given by the client lets it find out whether an earlier attempt has arrived.

    `fields` are those that `changes.CHANGEABLE_FIELDS` names, but status and resolution.

    Raises:
        MissingPermissionError: The actor may not report.
        ProjectArchivedError: The project takes no changes.
        InvalidError: A value is not possible.
    """
    actor.require(Permission.REPORT_ISSUES)
    require_active(project)
    issue = Issue(
        uuid=uuid or uuid4(),
        project_id=project.id,
        key=take_issue_key(session, project),
        title="",
        reporter_id=reporter_id,
        created_at=now,
        updated_at=now,
    )
    values = {"title": title, **(fields or {})}
    labels = values.pop("labels", None)
    with session.no_autoflush:
        apply_changes(session, issue, project, values)
    session.add(issue)
    session.flush()
    if labels:
        apply_changes(session, issue, project, {"labels": labels})
    followers = {each for each in (reporter_id, issue.assignee_id) if each is not None}
    session.add_all(Watcher(issue_id=issue.id, user_id=each, since=now) for each in followers)
    index_new_issue(session, issue)
    after = {"key": issue.key, "title": issue.title}
    record_audit(session, actor, "issue.reported", subject=("issue", issue.id), now=now, after=after)
    announce(session, IssueReported(issue_id=issue.id, actor_id=actor.user_id))
    return issue


def take_issue_key(session: Session, project: Project) -> str:
    """Return the next key of a project; two reporters at once get two keys."""
    while True:
        number = session.scalar(_NEXT_NUMBER, {"project": project.id})
        key = f"{project.key}-{number}"
        if session.scalar(_NUMBER_OF_KEY, {"key": key}) is None:
            return key


def change_issue(
    session: Session,
    issue: Issue,
    project: Project,
    *,
    changes: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    expected_version: int | None = None,
) -> list[FieldChange]:
    """Change fields of an issue and return what is different now; nothing different leaves no trace.

    Raises:
        StaleIssueError: The issue has another version than the one that was edited.
        MayNotChangeIssueError: The actor may not change these fields.
        StatusChangeError: The status cannot follow the present one.
        InvalidError: A value is not possible.
    """
    require_active(project)
    if expected_version is not None and expected_version != issue.version:
        raise StaleIssueError(issue.key, expected_version, issue.version)
    require_may_change(issue, changes.keys(), actor=actor)
    rest = dict(changes)
    status, resolution = rest.pop("status", None), rest.pop("resolution", None)
    with session.no_autoflush:
        made = apply_changes(session, issue, project, rest)
        made += _set_status(issue, status, resolution, actor=actor, now=now)
    if made:
        record_changes(session, issue, made, actor=actor, now=now)
    return made


def _set_status(
    issue: Issue, status: str | None, resolution: str | None, *, actor: Actor, now: datetime
) -> list[FieldChange]:
    made = []
    if status is not None and status != issue.status:
        if status not in NEXT_STATUSES[issue.status]:
            raise StatusChangeError(issue.key, issue.status, status, NEXT_STATUSES[issue.status])
        require_may_set_status(issue, status, actor=actor)
        made.append(FieldChange("status", issue.status, status))
        was_finished = issue.status in FINISHED
        issue.status = status
        if status in FINISHED:
            issue.resolved_at = issue.resolved_at if was_finished else now
            issue.closed_at = now if status == "closed" else None
            resolution = resolution or issue.resolution or "fixed"
        else:
            issue.resolved_at = issue.closed_at = None
            made += _set_resolution(issue, None)
        if status == "in_progress" and issue.assignee_id is None:
            made += _take(issue, actor)
    if resolution is not None:
        if issue.status not in FINISHED:
            raise FieldValueError("resolution", f"{issue.key} is {issue.status}; only a finished issue is resolved.")
        made += _set_resolution(issue, resolution)
    return made


def _set_resolution(issue: Issue, resolution: str | None) -> list[FieldChange]:
    if issue.resolution == resolution:
        return []
    change = FieldChange("resolution", issue.resolution, resolution)
    issue.resolution = resolution
    return [change]


def _take(issue: Issue, actor: Actor) -> list[FieldChange]:
    if actor.user_id is None or actor.may(Permission.EDIT_ANY_ISSUE):
        return []
    issue.assignee_id = actor.user_id
    return [FieldChange("assignee", None, actor.name)]


def record_changes(session: Session, issue: Issue, made: Sequence[FieldChange], *, actor: Actor, now: datetime) -> None:
    """Put changes of an issue's fields, already made, into history, audit and outbox, as one event."""
    issue.updated_at = now
    rows = [
        IssueChange(issue_id=issue.id, actor_id=actor.user_id, at=now, field=each.field, old=each.old, new=each.new)
        for each in made
    ]
    session.add_all(rows)
    session.flush()
    fields = tuple(each.field for each in made)
    if TEXT_FIELDS.intersection(fields):
        index_issue(session, issue)
    if "assignee" in fields and issue.assignee_id is not None:
        watch_issue(session, issue, issue.assignee_id, now=now)
    record_audit(
        session,
        actor,
        "issue.changed",
        subject=("issue", issue.id),
        now=now,
        before={each.field: each.old for each in made},
        after={each.field: each.new for each in made},
    )
    announce(
        session,
        IssueChanged(
            issue_id=issue.id,
            actor_id=actor.user_id,
            fields=fields,
            assignee_id=issue.assignee_id if "assignee" in fields else None,
            change_id=rows[0].id,
        ),
    )


def record_field_change(session: Session, issue: Issue, change: FieldChange, *, actor: Actor, now: datetime) -> None:
    """Put a change that another area made of an issue (its sprint, a relation) into history, audit and outbox."""
    record_changes(session, issue, [change], actor=actor, now=now)


def watch_issue(session: Session, issue: Issue, user_id: int, *, now: datetime) -> None:
    """Let a user follow an issue; one who does goes on."""
    if session.get(Watcher, (issue.id, user_id)) is None:
        session.add(Watcher(issue_id=issue.id, user_id=user_id, since=now))
        session.flush()


def unwatch_issue(session: Session, issue: Issue, user_id: int) -> None:
    """Let a user no longer follow an issue."""
    watcher = session.get(Watcher, (issue.id, user_id))
    if watcher is not None:
        session.delete(watcher)
        session.flush()
