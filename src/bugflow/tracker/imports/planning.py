"""Planning an import: what a run would write, found out without writing."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.tracker.imports.choosing import ChosenIssues
from bugflow.tracker.imports.linking import find_relations, find_targets, list_keys, take_links
from bugflow.tracker.imports.places import CLOSED_PROJECT, Places, issue_key
from bugflow.tracker.imports.records import ImportedIssue, fit_id
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.spool import Spool, open_spool
from bugflow.tracker.imports.writing import content_hash, find_earlier
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, Age
from bugflow.tracker.issues.tables import Issue
from bugflow.tracker.projects.tables import Project

NOBODY = 0
"""The number of no user."""
FIRST_PLANNED = 2**31
"""Issues that are not written yet count from here on, behind all that are, in the order in which they would be."""
PLAN_TABLES = (
    "CREATE TABLE duplicates (source INTEGER PRIMARY KEY, created_at TEXT, target INTEGER)",
    "CREATE TABLE relations (source INTEGER, kind TEXT, target INTEGER, PRIMARY KEY (source, kind, target))",
)


def plan_import(
    database: Database,
    issues: ChosenIssues,
    report: ImportReport,
    open_places: Callable[[Session], Places],
    namespace: str,
) -> None:
    """Count in the report what a run would make of the issues."""
    with database.snapshot() as session, open_spool(PLAN_TABLES) as spool:
        places = open_places(session)
        keys = set[str]()
        for _, batch in issues.batches():
            _plan_batch(session, batch, places, report, namespace)
            keys |= {places.project_key_of(record) for record in batch}
        present = set(session.scalars(select(Project.key).where(Project.key.in_(keys))))
        report.new_projects = sorted(keys - present)
        for _, batch in issues.batches(only_linked=True):
            found = _find_issues(session, issues, list_keys(batch, places), places)
            relations = PlannedRelations(session, spool, found.values())
            take_links(session, batch, found, places, namespace=namespace, relations=relations, report=report)


def _plan_batch(
    session: Session, batch: list[ImportedIssue], places: Places, report: ImportReport, namespace: str
) -> None:
    for person, number in places.find_users((user for record in batch for user in record.users()), report).items():
        places.users[person.login] = number or NOBODY
        if number is None:
            report.add_placeholder(person.login)
    earlier = find_earlier(session, namespace, batch)
    keys = {record.source_id: issue_key(record, places.project_key_of(record)) for record in batch}
    taken = set(session.scalars(select(Issue.key).where(Issue.key.in_(keys.values()))))
    for record in batch:
        known = earlier.get(fit_id(record.source_id))
        if not places.takes(record):
            report.left.add(CLOSED_PROJECT, record.key)
        elif known is not None:
            same = known.content_hash == content_hash(record)
            report.unchanged_issues += same
            report.changed_issues += not same
        elif keys[record.source_id] in taken:
            report.left.add("issues whose key is taken by another issue here", keys[record.source_id])
        else:
            report.new_issues += 1
            report.new_comments += len(record.comments)
            report.new_history += len(record.changes)


def _find_issues(session: Session, issues: ChosenIssues, keys: Collection[str], places: Places) -> Mapping[str, Age]:
    """Return the ages of the issues that would be here under these keys after a run."""
    found = places.find_issues(keys)
    hidden = set(session.scalars(select(Issue.key).where(Issue.key.in_(keys)))) - set(found)
    for key in set(keys) - set(found) - hidden:
        planned = issues.find(key)
        if planned is not None:
            number, record = planned
            if issue_key(record, places.project_key_of(record)) == key and places.takes(record):
                found[key] = Age(record.created_at, FIRST_PLANNED + number)
    return found


class PlannedRelations:
    """Relations of the database, and before them those that a run would make, which are kept outside memory."""

    def __init__(self, session: Session, spool: Spool, issues: Collection[Age]) -> None:
        numbers = {issue.number for issue in issues if issue.number < FIRST_PLANNED}
        self._session = session
        self._spool = spool
        self._targets = find_targets(session, numbers)
        self._present = find_relations(session, numbers)

    def has(self, source: Age, kind: str, target: Age) -> bool:
        """Whether one issue blocks another or relates to it."""
        planned = "SELECT 1 FROM relations WHERE source = ? AND kind = ? AND target = ?"
        key = (source.number, kind, target.number)
        return key in self._present or any(self._spool.rows(planned, *key))

    def find_canonical(self, issue: Age) -> Age:
        """Return what an issue is a duplicate of in the end; itself where it is none."""
        while (target := self._find_target(issue.number)) is not None:
            issue = target
        return issue

    def _find_target(self, number: int) -> Age | None:
        planned = "SELECT created_at, target FROM duplicates WHERE source = ?"
        for created_at, target in self._spool.rows(planned, number):
            return Age.read(created_at, target)
        if number < FIRST_PLANNED and number not in self._targets:
            self._targets |= find_targets(self._session, {number})
        return self._targets.get(number)

    def add(self, source: Age, kind: str, target: Age) -> None:
        """Relate two issues. What is a duplicate of the source still leads to it, and so to the target."""
        if kind == DUPLICATE_OF:
            row = (source.number, target.created_at.isoformat(), target.number)
            self._spool.run("INSERT INTO duplicates VALUES (?, ?, ?)", *row)
        else:
            self._spool.run("INSERT INTO relations VALUES (?, ?, ?)", source.number, kind, target.number)
