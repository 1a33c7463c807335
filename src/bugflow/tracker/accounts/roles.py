"""What each role may do: one table, shown to people in docs/reference/roles.md."""

from enum import StrEnum


class Role(StrEnum):
    """A user's role in the installation."""

    TESTER = "tester"
    DEVELOPER = "developer"
    PROJECT_MANAGER = "project_manager"
    ADMIN = "admin"


class Permission(StrEnum):
    """Something that only some roles may do."""

    REPORT_ISSUES = "report issues"
    COMMENT = "comment, attach, watch"
    EDIT_OWN_REPORTS = "edit, close and reopen own reports"
    WORK_ON_OWN_ISSUES = "take unassigned issues, edit and move issues assigned to them"
    EDIT_ANY_ISSUE = "edit, assign, move and relate any issue, also in bulk"
    CORRECT_PREDICTIONS = "correct severity and team"
    MANAGE_MODELS = "train models, choose which is used, and go back"
    MANAGE_SPRINTS = "plan, start and complete sprints"
    MANAGE_PROJECTS = "create and change projects, members, teams, components, severities"
    MANAGE_IMPORTS = "import and export"
    SEE_RESTRICTED = "see restricted issues of visible projects"
    SEE_ALL_PROJECTS = "see private projects without being a member"
    MANAGE_USERS = "create, change and deactivate users"
    READ_AUDIT = "read and export the audit log"
    SEE_JOBS = "see and retry all background jobs"


_TESTER = frozenset({Permission.REPORT_ISSUES, Permission.COMMENT, Permission.EDIT_OWN_REPORTS})
_DEVELOPER = _TESTER | {Permission.WORK_ON_OWN_ISSUES}
_PROJECT_MANAGER = _DEVELOPER | {
    Permission.EDIT_ANY_ISSUE,
    Permission.CORRECT_PREDICTIONS,
    Permission.MANAGE_MODELS,
    Permission.MANAGE_SPRINTS,
    Permission.MANAGE_PROJECTS,
    Permission.MANAGE_IMPORTS,
    Permission.SEE_RESTRICTED,
}

PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.TESTER: _TESTER,
    Role.DEVELOPER: _DEVELOPER,
    Role.PROJECT_MANAGER: _PROJECT_MANAGER,
    Role.ADMIN: frozenset(Permission),
}

ADMINISTRATION = PERMISSIONS[Role.ADMIN] - PERMISSIONS[Role.PROJECT_MANAGER]
"""What only administrators may do; an API token needs the scope `admin` for it."""
