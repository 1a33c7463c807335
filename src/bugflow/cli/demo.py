"""Building the demo workspace; running it again changes nothing."""

from collections.abc import Mapping, Sequence
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
from bugflow.tracker.issues.service import change_issue, report_issue, watch_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import create_project, ensure_components
from bugflow.tracker.projects.tables import Project
from bugflow.tracker.sprints.membership import add_issues
from bugflow.tracker.sprints.service import complete_sprint, create_sprint, start_sprint
from bugflow.tracker.sprints.tables import Sprint

ACCOUNTS = (
    ("tester@bugflow.com", "Tester", Role.TESTER, "tester123"),
    ("dev@bugflow.com", "Developer", Role.DEVELOPER, "dev123"),
    ("pm@bugflow.com", "Project manager", Role.PROJECT_MANAGER, "pm123"),
)
PAST_SPRINTS, SPRINT_DAYS = 13, 14
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
        for key, project in projects.items():
            names = sorted({each.component for each in load_issues() if each.project == key})
            ensure_components(session, project, names)
        for demo in load_issues():
            issue = _report(session, demo, projects[demo.project], users, actor, now)
            by_title[demo.title] = issue
        _relate(session, by_title, actor=actor)
        for project in projects.values():
            _plan_sprints(session, project, actor=actor, now=now)


def _relate(session: Session, by_title: Mapping[str, Issue], *, actor: Actor) -> None:
    for demo in load_issues():
        issue = by_title[demo.title]
        duplicates = [demo.duplicate_of] if demo.duplicate_of is not None else []
        for kind, titles in (("duplicate_of", duplicates), ("relates_to", demo.relates_to), ("blocks", demo.blocks)):
            for title in titles:
                later = max(issue.updated_at, by_title[title].created_at)
                relate_issues(session, issue, by_title[title], kind=kind, actor=actor, now=later)


def _plan_sprints(session: Session, project: Project, *, actor: Actor, now: datetime) -> None:
    """Give a project a past of two-week sprints, one that runs and one that is planned."""
    issues = session.scalars(select(Issue).where(Issue.project_id == project.id).order_by(Issue.created_at)).all()
    running: Sprint | None = None
    for number in range(PAST_SPRINTS + 2):
        begin = now - timedelta(days=SPRINT_DAYS * (PAST_SPRINTS - number) + SPRINT_DAYS // 2)
        end = begin + timedelta(days=SPRINT_DAYS)
        planned_at = min(begin, now - timedelta(days=3 + project.id, hours=number))
        planned = create_sprint(
            session,
            project,
            name=f"Sprint {number + 1}",
            starts_on=begin.date(),
            ends_on=end.date() - timedelta(days=1),
            capacity_hours=120,
            actor=actor,
            now=planned_at,
        )
        if running is not None:
            complete_sprint(session, running, target=planned, actor=actor, now=min(begin, now))
            running = None
        add_issues(session, planned, _choose(issues, begin, end, now), actor=actor, now=planned_at)
        if begin <= now:
            start_sprint(session, planned, actor=actor, now=begin)
            running = planned if number < PAST_SPRINTS else None


def _choose(issues: Sequence[Issue], begin: datetime, end: datetime, now: datetime) -> list[Issue]:
    """Return what a team would have planned: what was finished in these days, or now what is begun or comes next."""
    if end <= now:
        return [each for each in issues if each.resolved_at is not None and begin <= each.resolved_at < end]
    wanted = "in_progress" if begin <= now else "open"
    return [each for each in issues if each.status == wanted and each.story_points is not None][:8]


def _report(
    session: Session, demo: DemoIssue, project: Project, users: dict[str, User], actor: Actor, now: datetime
) -> Issue:
    reported = now - timedelta(days=demo.day, hours=demo.day % 9)
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
            "estimated_hours",
            "actual_hours",
        )
    }
    if demo.due_in_days is not None:
        fields["due_on"] = (reported + timedelta(days=demo.due_in_days)).date()
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
    finished = min(reported + timedelta(days=3 + demo.day * 7 % 25), now - timedelta(hours=2 + demo.day % 40))
    if demo.status == "resolved":  # Not closed yet, so done lately.
        finished = max(reported, now - timedelta(days=1 + demo.day % 34))
    written = demo.list_comments()
    for number, (author, body) in enumerate(written, start=1):
        at = reported + (finished - reported) * number / (len(written) + 1)
        add_comment(session, issue, body=body, author_id=users[author].id, actor=actor, now=at)
    for watcher in demo.watchers:
        watch_issue(session, issue, users[watcher].id, now=reported)
    if demo.status != "open":
        changes = {"status": demo.status}
        if demo.duplicate_of is not None:
            changes["resolution"] = "duplicate"
        change_issue(session, issue, project, changes=changes, actor=actor, now=finished)
    return issue
