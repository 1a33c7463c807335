"""People of every role, a project and a clock that goes on, for tests that call services without HTTP."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user
from bugflow.tracker.issues.service import report_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import create_project
from bugflow.tracker.projects.tables import Project


@dataclass
class Workplace:
    """Who works, on what, and what time it is."""

    project: Project
    people: dict[Role, Actor]
    moment: datetime = field(default=datetime(2026, 1, 5, 8, tzinfo=UTC))

    def tick(self) -> datetime:
        """Return a moment later than all before."""
        self.moment += timedelta(minutes=1)
        return self.moment

    def report(self, session: Session, *, by: Role = Role.TESTER, **fields: Any) -> Issue:  # noqa: ANN401 -- Any field.
        """Report an issue, newer than all before."""
        actor = self.people[by]
        return report_issue(
            session,
            self.project,
            title=fields.pop("title", "It breaks"),
            reporter_id=actor.user_id or 0,
            actor=actor,
            now=self.tick(),
            fields=fields,
        )

    @property
    def manager(self) -> Actor:
        """Who may do most."""
        return self.people[Role.PROJECT_MANAGER]


def build_workplace(session: Session, titles: Iterable[str] = ()) -> Workplace:
    """Make a user of each role, a project, and in it an issue of each title."""
    system, now = build_system_actor("cli"), datetime(2026, 1, 5, tzinfo=UTC)
    people = {}
    for role in Role:
        user = create_user(
            session, email=f"{role}@example.com", name=str(role), role=role, password_hash="", actor=system, now=now
        )
        people[role] = build_actor(user, origin="api")
    project = create_project(session, key="B", name="Bugs", actor=system, now=now)
    made = Workplace(project, people)
    for title in titles:
        made.report(session, title=title)
    return made
