"""Who may change which fields of an issue they see."""

from collections.abc import Collection

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.issues.errors import MayNotChangeIssueError
from bugflow.tracker.issues.tables import Issue

REPORTER_FIELDS = frozenset(
    {"title", "description", "stack_trace", "environment", "labels", "status", "resolution", "issue_type"}
)
"""What a reporter may change of an own report; the status only to close or reopen it."""

PROJECT_MANAGER_FIELDS = frozenset({"restricted", "sprint"})
"""What only those who may edit any issue change."""


def require_may_change(issue: Issue, fields: Collection[str], *, actor: Actor) -> None:
    """Refuse a change that the actor's role and relation to the issue do not allow.

    Raises:
        MayNotChangeIssueError: They do not.
    """
    if actor.may(Permission.EDIT_ANY_ISSUE):
        return
    wanted = frozenset(fields)
    works_on_it = actor.may(Permission.WORK_ON_OWN_ISSUES) and issue.assignee_id in {None, actor.user_id}
    if works_on_it and not wanted & PROJECT_MANAGER_FIELDS:
        return
    if issue.reporter_id == actor.user_id and wanted <= REPORTER_FIELDS:
        return
    if actor.may(Permission.WORK_ON_OWN_ISSUES):
        who = "Developers change issues that are theirs or nobody's; a project manager may change any."
    else:
        who = "Reporters edit the text of their own reports and close or reopen them; a developer or manager does more."
    refused = wanted - REPORTER_FIELDS if issue.reporter_id == actor.user_id else wanted
    raise MayNotChangeIssueError(issue.key, sorted(refused), who)


def may_change(issue: Issue, fields: Collection[str], *, actor: Actor) -> bool:
    """Whether the actor may change these fields of the issue."""
    try:
        require_may_change(issue, fields, actor=actor)
    except MayNotChangeIssueError:
        return False
    return True


def require_may_set_status(issue: Issue, status: str, *, actor: Actor) -> None:
    """Refuse a status that only a developer or manager may set: reporters close and reopen.

    Raises:
        MayNotChangeIssueError: The actor is only the reporter, and the status is neither closed nor open.
    """
    if actor.may(Permission.WORK_ON_OWN_ISSUES) or status in {"closed", "open"}:
        return
    raise MayNotChangeIssueError(
        issue.key, ["status"], "Reporters close or reopen their own reports; developers work on and resolve them."
    )
