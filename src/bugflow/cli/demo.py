"""Building the demo workspace; running it again changes nothing."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.settings import Settings
from bugflow.demo import DemoIssue, load_issues
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.issues.comments import add_comment
from bugflow.tracker.issues.relations import relate_issues
from bugflow.tracker.issues.service import change_issue, report_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import create_project, ensure_components
from bugflow.tracker.projects.tables import Project

ACCOUNTS = (
    ("tester@bugflow.com", "Tester", Role.TESTER, "tester123"),
    ("dev@bugflow.com", "Developer", Role.DEVELOPER, "dev123"),
    ("pm@bugflow.com", "Project manager", Role.PROJECT_MANAGER, "pm123"),
)
PROJECTS = (("WEB", "WebApp"), ("MOB", "MobileApp"), ("OPS", "Platform"))


def build_demo(database: Database, settings: Settings) -> None:
    """Fill an empty demo database with accounts, projects and issues, in one transaction."""
    with database.snapshot() as session:
        if session.scalar(select(User.id).limit(1)) is not None:
            return
    hasher = PasswordHasher(time_cost=settings.password_hash_time_cost, memory_kib=settings.password_hash_memory_kib)
    hashes = {email: hasher.hash(password) for email, _, _, password in ACCOUNTS}
    actor, now = build_system_actor("cli"), utc_now()
    with database.transaction() as session:
        users = {
            email.split("@", maxsplit=1)[0]: create_user(
                session, email=email, name=name, role=role, password_hash=hashes[email], actor=actor, now=now
            )
            for email, name, role, _ in ACCOUNTS
        }
        projects = {key: create_project(session, key=key, name=name, actor=actor, now=now) for key, name in PROJECTS}
        by_title: dict[str, Issue] = {}
        for demo in load_issues():
            issue = _report(session, demo, projects[demo.project], users, actor, now)
            if demo.duplicate_of is not None:
                original = by_title[demo.duplicate_of]
                relate_issues(session, issue, original, kind="duplicate_of", actor=actor, now=issue.updated_at)
            by_title[demo.title] = issue


def _report(
    session: Session, demo: DemoIssue, project: Project, users: dict[str, User], actor: Actor, now: datetime
) -> Issue:
    reported = now - timedelta(days=demo.day, hours=demo.day % 9)
    ensure_components(session, project, [demo.component])
    fields = {
        name: getattr(demo, name)
        for name in (
            "description",
            "stack_trace",
            "environment",
            "issue_type",
            "severity",
            "team",
            "component",
            "priority",
            "labels",
            "story_points",
        )
    }
    if demo.assignee is not None:
        fields["assignee"] = str(users[demo.assignee].uuid)
    issue = report_issue(
        session,
        project,
        title=demo.title,
        reporter_id=users["tester"].id,
        actor=actor,
        now=reported,
        fields=fields,
    )
    for number, body in enumerate(demo.comments, start=1):
        author = users["dev"].id
        add_comment(session, issue, body=body, author_id=author, actor=actor, now=reported + timedelta(days=number))
    if demo.status != "open":
        finished = reported + timedelta(days=2 + demo.day % 5)
        changes = {"status": demo.status}
        if demo.duplicate_of is not None:
            changes["resolution"] = "duplicate"
        change_issue(session, issue, project, changes=changes, actor=actor, now=finished)
    return issue
