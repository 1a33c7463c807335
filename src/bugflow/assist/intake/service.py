"""Reporting by description alone, and updating with corrections."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from bugflow.assist.intake.titles import derive_title
from bugflow.core.errors import FieldProblem, InvalidError
from bugflow.mlops.corrections.service import record_correction
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.issues.queries import IssueView, view_issue
from bugflow.tracker.issues.service import change_issue, report_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.queries import get_project, list_projects
from bugflow.tracker.projects.tables import Project


class ProjectNeededError(InvalidError):
    """It is not clear which project a report is for."""

    def __init__(self, keys: Sequence[str]) -> None:
        known = ", ".join(keys) if keys else "there is none yet"
        problem = f"Say which project the report is for ({known})."
        super().__init__(problem, fields=[FieldProblem("project", problem)])


class NothingToUpdateError(InvalidError):
    """An update that names no change."""

    def __init__(self) -> None:
        super().__init__("Nothing to update: give a status, correction_severity or correction_team.")


def report_bug(
    session: Session,
    *,
    description: str,
    project_reference: str | None,
    severity: str | None,
    team: str | None,
    assignee: object | None,
    reporter_id: int,
    actor: Actor,
    now: datetime,
) -> Issue:
    """Report a bug by its description; the title is its first sentence.

    Raises:
        ProjectNeededError: No project is named, and there is more than one.
        ProjectNotFoundError: There is no such project.
        InvalidError: The severity, the team or the assignee is not known.
    """
    project = choose_project(session, actor, project_reference)
    fields = {"description": description, "severity": severity, "team": team, "assignee": assignee}
    return report_issue(
        session,
        project,
        title=derive_title(description),
        reporter_id=reporter_id,
        actor=actor,
        now=now,
        fields={field: value for field, value in fields.items() if value is not None},
    )


def choose_project(session: Session, actor: Actor, reference: str | None) -> Project:
    """Return the project that is named; without a name, the only one that the actor sees.

    Raises:
        ProjectNeededError: No project is named, and there is more than one.
        ProjectNotFoundError: There is no such project.
    """
    if reference is not None:
        return get_project(session, actor, reference)
    visible = list_projects(session, actor)
    if len(visible) != 1:
        raise ProjectNeededError([project.key for project in visible])
    return visible[0]


def update_bug(
    session: Session,
    issue: Issue,
    *,
    status: str | None,
    severity: str | None,
    team: str | None,
    actor: Actor,
    now: datetime,
) -> bool:
    """Set a bug's status and correct its severity and team; return whether a correction was recorded.

    A correction to the value that is there already confirms it, which is evidence as well.

    Raises:
        NothingToUpdateError: No change is named.
        MissingPermissionError: The actor may not correct.
        MayNotChangeIssueError: The actor may not set the status.
        StatusChangeError: The status cannot follow the present one.
        InvalidError: The severity or the team is not known.
    """
    corrections = {field: value for field, value in (("severity", severity), ("team", team)) if value is not None}
    if status is None and not corrections:
        raise NothingToUpdateError
    if corrections:
        actor.require(Permission.CORRECT_PREDICTIONS)
    before = view_issue(session, issue)
    changes = corrections | ({"status": status} if status is not None else {})
    change_issue(session, issue, session.get_one(Project, issue.project_id), changes=changes, actor=actor, now=now)
    after = view_issue(session, issue)
    old = _names(before)
    new = _names(after)
    for field in corrections:
        record_correction(
            session,
            issue_id=issue.id,
            field=field,
            old=old[field],
            new=new[field] or "",
            actor=actor,
            now=now,
        )
    return bool(corrections)


def _names(view: IssueView) -> dict[str, str | None]:
    return {
        "severity": view.severity.name if view.severity else None,
        "team": view.team.name if view.team else None,
    }
