"""Where imported things go: projects, users and words of this installation."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.imports.records import ImportedIssue, ImportedUser, fit_id
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.issues.duplicates import Age
from bugflow.tracker.issues.queries import visible_to as issue_visible_to
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.queries import visible_to
from bugflow.tracker.projects.service import create_project, ensure_components
from bugflow.tracker.projects.tables import Project, Severity, Team
from bugflow.tracker.projects.vocabularies import list_severities, list_teams

SHORTEST_KEY, LONGEST_KEY = 2, 20
LONGEST_COMPONENT = 120
CLOSED_PROJECT = "issues of projects that are archived here, or that you may not see"


def derive_project_key(name: str) -> str:
    """Return a project key from any name: its letters and digits in capitals, beginning with a letter."""
    key = re.sub(r"[^A-Z0-9_]", "", name.upper())[:LONGEST_KEY].lstrip("0123456789_")
    return key if len(key) >= SHORTEST_KEY else f"P{key or '1'}"


def issue_key(record: ImportedIssue, project_key: str) -> str:
    """Return the key an issue gets here: its own where it has a whole one, else the project's with its number."""
    return f"{project_key}-{record.key[1:]}" if record.key.startswith("#") else record.key.upper()


class Places:
    """Finds, and where they are missing makes, what the records of one import refer to."""

    def __init__(
        self,
        session: Session,
        *,
        namespace: str,
        project_key: str | None,
        actor: Actor,
        now: datetime,
        accounts: Mapping[str, int],
    ) -> None:
        self._session = session
        self._namespace = namespace
        self._project_key = project_key
        self._actor = actor
        self._now = now
        self._accounts = accounts
        self._projects: dict[str, Project] = {}
        self._open: dict[str, bool] = {}
        self._severities: dict[int, dict[str, Severity]] = {}
        self._teams: dict[int, dict[str, Team]] = {}
        self._components: dict[int, dict[str, int]] = {}
        self.users: dict[str, int] = {}

    def project_key_of(self, record: ImportedIssue) -> str:
        """Return the key of the project a record goes into."""
        return self._project_key or derive_project_key(record.project_key)

    def takes(self, record: ImportedIssue) -> bool:
        """Whether the importer may write the record: neither its project nor that of its key is archived or hidden."""
        project_key = self.project_key_of(record)
        prefix = issue_key(record, project_key).rsplit("-", 1)[0]
        return self._is_open(project_key) and (prefix == project_key or self._is_open(prefix))

    def _is_open(self, key: str) -> bool:
        if key not in self._open:
            open_here = and_(visible_to(self._actor), Project.archived_at.is_(None))
            self._open[key] = self._session.scalar(select(open_here).where(Project.key == key)) is not False
        return self._open[key]

    def may_change(self, issue: Issue) -> bool:
        """Whether the importer may change an issue, which may have moved since it was imported."""
        own = select(Issue.id).join(Project).where(Issue.id == issue.id, issue_visible_to(self._actor))
        return self._session.scalar(own.where(Project.archived_at.is_(None))) is not None

    def find_issues(self, keys: Iterable[str]) -> dict[str, Age]:
        """Return the ages, and with them the numbers, of the issues with these keys that the importer may see."""
        columns = (Issue.key, Issue.created_at, Issue.id)
        statement = select(*columns).where(Issue.key.in_(set(keys)), issue_visible_to(self._actor))
        return {row.key: Age(row.created_at, row.id) for row in self._session.execute(statement)}

    def get_project(self, record: ImportedIssue, report: ImportReport) -> Project:
        """Return the project a record goes into, making it if it is missing."""
        key = self.project_key_of(record)
        if key not in self._projects:
            project = self._session.scalars(select(Project).where(Project.key == key)).first()
            if project is None:
                name = record.project_name[:120] if self._project_key is None else key
                project = create_project(self._session, key=key, name=name, actor=self._actor, now=self._now)
                report.new_projects.append(key)
            self._projects[key] = project
        return self._projects[key]

    def find_severity(self, project: Project, name: str | None) -> Severity | None:
        """Return a severity of the project, or none where it does not use it."""
        if project.id not in self._severities:
            entries = list_severities(self._session, project.id)
            self._severities[project.id] = {entry.name.casefold(): entry for entry in entries}
        return self._severities[project.id].get((name or "").casefold())

    def team_id(self, project: Project, names: Iterable[str]) -> int | None:
        """Return the number of the first team that one of these names names."""
        if project.id not in self._teams:
            self._teams[project.id] = {team.name.casefold(): team for team in list_teams(self._session, project.id)}
        known = self._teams[project.id]
        return next((known[name.casefold()].id for name in names if name.casefold() in known), None)

    def component_id(self, project: Project, name: str | None, others: Iterable[str | None] = ()) -> int | None:
        """Return the number of a component, making it if it is missing, and with it `others` of the same project."""
        if not name:
            return None
        known = self._components.setdefault(project.id, {})
        if name[:LONGEST_COMPONENT] not in known:
            wanted = {each[:LONGEST_COMPONENT]: None for each in (name, *others) if each}
            known |= ensure_components(self._session, project, wanted)
        return known[name[:LONGEST_COMPONENT]]

    def find_users(self, wanted: Iterable[ImportedUser], report: ImportReport) -> dict[ImportedUser, int | None]:
        """Return the user of each new person: from an earlier import, the file of people, or the e-mail address."""
        people: dict[str, ImportedUser] = {}
        for user in wanted:
            if user.login not in self.users and (user.login not in people or user.email):
                people[user.login] = user
        if not people:
            return {}
        earlier = select(ImportedRecord.source_id, ImportedRecord.target_id).where(
            ImportedRecord.namespace == self._namespace,
            ImportedRecord.kind == "user",
            ImportedRecord.source_id.in_([fit_id(login) for login in people]),
        )
        known = {row.source_id: row.target_id for row in self._session.execute(earlier)}
        emails = {user.email.lower() for user in people.values() if user.email}
        by_email = {user.email: user.id for user in self._session.scalars(select(User).where(User.email.in_(emails)))}
        found: dict[ImportedUser, int | None] = {}
        for login, person in people.items():
            email = (person.email or "").lower()
            mapped, before = self._accounts.get(login.lower()) or self._accounts.get(email), known.get(fit_id(login))
            if mapped and before and mapped != before:
                report.left.add("accounts of people whom an earlier import made users (they stay those)", login)
            found[person] = before or mapped or by_email.get(email)
        return found

    def ensure_users(self, wanted: Iterable[ImportedUser], report: ImportReport) -> None:
        """Give every person a user; who has none gets an inactive one without password."""
        for person, number in self.find_users(wanted, report).items():
            self.users[person.login] = number or self._make_user(person, report)

    def _make_user(self, person: ImportedUser, report: ImportReport) -> int:
        user = User(name=(person.name or person.login)[:200], role=Role.TESTER, is_active=False, created_at=self._now)
        self._session.add(user)
        self._session.flush()
        self._session.add(
            ImportedRecord(
                namespace=self._namespace,
                kind="user",
                source_id=fit_id(person.login),
                target_id=user.id,
                content_hash="",
            )
        )
        report.add_placeholder(person.login)
        return user.id
