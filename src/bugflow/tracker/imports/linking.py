"""Relations of imported issues, once all issues are here: the same whether they are written or only planned."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import insert, or_, select, update
from sqlalchemy.orm import Session

from bugflow.tracker.imports.places import Places, issue_key
from bugflow.tracker.imports.records import ImportedIssue, fit_id
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.issues.duplicates import DUPLICATE_OF, Age, cut_numbers, list_links, lock_clusters
from bugflow.tracker.issues.tables import IssueRelation

TAKEN = "link"
"""The kind of imported record by which a duplicate is remembered that was taken over."""


class Relations(Protocol):
    """Knows the relations of the issues of a batch, and takes new ones."""

    def has(self, source: Age, kind: str, target: Age) -> bool:
        """Whether one issue blocks another or relates to it."""

    def find_canonical(self, issue: Age) -> Age:
        """Return what an issue is a duplicate of in the end; itself where it is none."""

    def add(self, source: Age, kind: str, target: Age) -> None:
        """Relate two issues. A source of a duplicate is none yet; what is a duplicate of it comes along."""


class WrittenRelations:
    """Relations of the database, read for a batch at once; nobody else makes duplicates of its issues meanwhile."""

    def __init__(self, session: Session, issues: Collection[Age], now: datetime) -> None:
        self._session = session
        self._now = now
        numbers = {issue.number for issue in issues}
        self._targets = {
            number: Age(link.target_created_at, link.target_id)
            for number, link in lock_clusters(session, numbers).items()
        }
        self._present = find_relations(session, numbers)

    def has(self, source: Age, kind: str, target: Age) -> bool:
        """Whether one issue blocks another or relates to it."""
        return (source.number, kind, target.number) in self._present

    def find_canonical(self, issue: Age) -> Age:
        """Return what an issue is a duplicate of in the end; itself where it is none."""
        while issue.number in self._targets:  # Never in a circle: each link leads to an older issue.
            issue = self._targets[issue.number]
        return issue

    def add(self, source: Age, kind: str, target: Age) -> None:
        """Relate two issues. A source of a duplicate is none yet; what is a duplicate of it comes along."""
        if kind == DUPLICATE_OF:
            self._targets[source.number] = target
            self._session.execute(
                update(IssueRelation)
                .where(IssueRelation.kind == DUPLICATE_OF, IssueRelation.target_id == source.number)
                .values(target_id=target.number, target_created_at=target.created_at)
                .execution_options(synchronize_session=False)
            )
        self._present.add((source.number, kind, target.number))
        row = {
            "source_id": source.number,
            "source_created_at": source.created_at,
            "target_id": target.number,
            "target_created_at": target.created_at,
            "kind": kind,
            "created_at": self._now,
        }
        self._session.execute(insert(IssueRelation), row)


def find_relations(session: Session, numbers: Collection[int]) -> set[tuple[int, str, int]]:
    """Return how issues are related, from either side, but for duplicates."""
    columns = (IssueRelation.source_id, IssueRelation.kind, IssueRelation.target_id)
    found = set[tuple[int, str, int]]()
    for some in cut_numbers(sorted(numbers)):
        ours = or_(IssueRelation.source_id.in_(some), IssueRelation.target_id.in_(some))
        rows = session.execute(select(*columns).where(ours, IssueRelation.kind != DUPLICATE_OF))
        found |= {(row[0], row[1], row[2]) for row in rows}
    return found


def find_targets(session: Session, numbers: Collection[int]) -> dict[int, Age]:
    """Return what the duplicates lead to that hang together with issues, by their numbers."""
    links = list_links(session, numbers)
    return {number: Age(link.target_created_at, link.target_id) for number, link in links.items()}


def write_links(
    session: Session,
    records: Sequence[ImportedIssue],
    places: Places,
    *,
    namespace: str,
    report: ImportReport,
    now: datetime,
) -> None:
    """Relate issues that are all here now; a second run makes no relation twice."""
    issues = places.find_issues(list_keys(records, places))
    relations = WrittenRelations(session, issues.values(), now)
    taken = take_links(session, records, issues, places, namespace=namespace, relations=relations, report=report)
    rows = [
        {"namespace": namespace, "kind": TAKEN, "source_id": name, "target_id": number, "content_hash": ""}
        for name, number in taken.items()
    ]
    if rows:
        session.execute(insert(ImportedRecord), rows)


def take_links(
    session: Session,
    records: Sequence[ImportedIssue],
    issues: Mapping[str, Age],
    places: Places,
    *,
    namespace: str,
    relations: Relations,
    report: ImportReport,
) -> dict[str, int]:
    """Relate the issues of a batch, and return the duplicates to be remembered, each with its issue's number.

    A duplicate is taken over once. What people make of it here, who may unmerge it, is not undone by a later import.
    """
    earlier = _find_taken(session, namespace, records, places)
    taken: dict[str, int] = {}
    for record in records:
        source = issues.get(issue_key(record, places.project_key_of(record)))
        for link, target_key in zip(record.links, _target_keys(record, places), strict=True):
            target, name = issues.get(target_key), _name_link(record, target_key)
            if source is None or target is None or source == target:
                report.left.add("relations to issues that are not here", f"{record.key} {link.kind} {target_key}")
            elif link.kind != DUPLICATE_OF:
                _take_relation(source, link.kind, target, relations, report)
            elif name not in earlier and name not in taken:
                taken[name] = source.number
                _take_duplicate(source, target, relations, report)
    return taken


def _take_relation(source: Age, kind: str, target: Age, relations: Relations, report: ImportReport) -> None:
    mirrored = kind == "relates_to" and relations.has(target, kind, source)
    if not mirrored and not relations.has(source, kind, target):
        relations.add(source, kind, target)
        report.new_relations += 1


def _take_duplicate(source: Age, target: Age, relations: Relations, report: ImportReport) -> None:
    """Join what both are duplicates of: the newer one becomes a duplicate of the older, whichever way it was said."""
    first, second = relations.find_canonical(source), relations.find_canonical(target)
    if first == second:
        return
    relations.add(max(first, second), DUPLICATE_OF, min(first, second))
    report.new_relations += 1
    report.turned_duplicates += first < second


def _find_taken(session: Session, namespace: str, records: Sequence[ImportedIssue], places: Places) -> set[str]:
    names = {
        _name_link(record, key)
        for record in records
        for link, key in zip(record.links, _target_keys(record, places), strict=True)
        if link.kind == DUPLICATE_OF
    }
    taken = select(ImportedRecord.source_id).where(
        ImportedRecord.namespace == namespace, ImportedRecord.kind == TAKEN, ImportedRecord.source_id.in_(names)
    )
    return set(session.scalars(taken)) if names else set()


def _name_link(record: ImportedIssue, target_key: str) -> str:
    return fit_id(f"{record.source_id} {target_key}")


def list_keys(records: Sequence[ImportedIssue], places: Places) -> set[str]:
    """Return the keys of issues that have relations, and of those that they are related to."""
    return {
        key
        for record in records
        for key in (issue_key(record, places.project_key_of(record)), *_target_keys(record, places))
    }


def _target_keys(record: ImportedIssue, places: Places) -> list[str]:
    project_key = places.project_key_of(record)
    return [
        f"{project_key}-{link.target_key[1:]}" if link.target_key.startswith("#") else link.target_key.upper()
        for link in record.links
    ]
