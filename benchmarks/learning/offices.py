"""A tracker with simulated people in a database of its own: issues are filed, filled in by a model, and corrected."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from sqlalchemy.orm import Session

from bugflow.core.database import Database, open_database
from bugflow.core.storage import Storage, open_storage
from bugflow.migrations import upgrade_schema
from bugflow.ml.contract import Report
from bugflow.mlops.corrections.service import record_correction
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user
from bugflow.tracker.issues.service import change_issue, report_issue
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.service import add_component, create_project
from bugflow.tracker.projects.tables import Project

BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
BETWEEN = timedelta(minutes=10)
SYSTEM = build_system_actor("job")
FIELD: Literal["component"] = "component"
DATABASE = "bugflow.db"
LONGEST_TITLE = 500


@dataclass
class Office:
    """One project, a manager who corrects, another one who may do harm, and a clock.

    Attributes:
        filed: Numbers of the issues, the oldest first, and what is truly theirs.
    """

    folder: Path
    database: Database
    storage: Storage
    project_id: int
    manager: Actor
    intruder: Actor
    now: datetime = BEGINNING
    filed: list[tuple[int, str]] = field(default_factory=list)

    def tick(self) -> datetime:
        """Return a moment later than all before."""
        self.now += BETWEEN
        return self.now

    def file(self, reports: Sequence[Report], labels: Sequence[str], guesses: Sequence[str | None]) -> list[int]:
        """File issues; with a guess the system fills that in, without one the manager sets the true label."""
        numbers = []
        with self.database.transaction() as session:
            project = session.get_one(Project, self.project_id)
            for report, label, guess in zip(reports, labels, guesses, strict=True):
                issue = report_issue(
                    session,
                    project,
                    title=report.title[:LONGEST_TITLE] or "Untitled",
                    reporter_id=self.manager.user_id or 0,
                    actor=self.manager,
                    now=self.tick(),
                    fields={"description": report.description} | ({FIELD: label} if guess is None else {}),
                )
                if guess is not None:
                    self._set(session, issue, guess, SYSTEM)
                numbers.append(issue.id)
                self.filed.append((issue.id, label))
        return numbers

    def say(self, numbers: Sequence[int], old: Sequence[str], new: Sequence[str], *, actor: Actor) -> None:
        """Let a person correct issues, or confirm them where nothing is new."""
        with self.database.transaction() as session:
            for number, before, label in zip(numbers, old, new, strict=True):
                issue = session.get_one(Issue, number)
                now = self._set(session, issue, label, actor)
                record_correction(session, issue_id=number, field=FIELD, old=before, new=label, actor=actor, now=now)

    def _set(self, session: Session, issue: Issue, label: str, actor: Actor) -> datetime:
        project, now = session.get_one(Project, self.project_id), self.tick()
        change_issue(session, issue, project, changes={FIELD: label}, actor=actor, now=now)
        return now

    def flip_latest(self, count: int) -> None:
        """Let one account say something wrong of the latest issues: the most frequent label, of that the second."""
        (first, _), (second, _) = Counter(label for _, label in self.filed).most_common(2)
        chosen = self.filed[-count:] if count else []
        numbers, truth = [number for number, _ in chosen], [label for _, label in chosen]
        wrong = [second if label == first else first for label in truth]
        self.say(numbers, truth, wrong, actor=self.intruder)

    def copy(self, folder: Path) -> "Office":
        """Return the same office in another folder, where it goes another way."""
        folder.mkdir(parents=True)
        with (
            closing(sqlite3.connect(self.folder / DATABASE)) as source,
            closing(sqlite3.connect(folder / DATABASE)) as copied,
        ):
            source.backup(copied)
        shutil.copytree(self.folder / "files", folder / "files", dirs_exist_ok=True)
        return replace(self, folder=folder, database=_open(folder), storage=_open_files(folder), filed=list(self.filed))


def open_office(folder: Path, labels: Sequence[str]) -> Office:
    """Make an office whose project has these components."""
    folder.mkdir(parents=True)
    database = _open(folder)
    upgrade_schema(database)
    with database.transaction() as session:
        people = [
            build_actor(
                create_user(
                    session,
                    email=f"{name}@example.com",
                    name=name,
                    role=Role.PROJECT_MANAGER,
                    password_hash="",
                    actor=SYSTEM,
                    now=BEGINNING,
                ),
                origin="api",
            )
            for name in ("manager", "intruder")
        ]
        project = create_project(session, key="BUG", name="Bugs", actor=SYSTEM, now=BEGINNING)
        for label in sorted(set(labels)):
            add_component(session, project, name=label, actor=SYSTEM, now=BEGINNING)
        project_id = project.id
    manager, intruder = people
    return Office(folder, database, _open_files(folder), project_id, manager, intruder)


def draw(generator: np.random.Generator, share: float) -> bool:
    """Return whether something of this probability happens."""
    return bool(generator.random() < share)


def _open(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / DATABASE}")


def _open_files(folder: Path) -> Storage:
    (folder / "files").mkdir(exist_ok=True)
    return open_storage((folder / "files").as_uri())
