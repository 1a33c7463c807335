"""The issues of our own database as they were when filed, with the labels that people gave them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.datasets.rows import LABELS, Batch, Change, Record, gather_batches, hide_person, read_as_filed
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.exports.reading import Part, read_records
from bugflow.tracker.imports.tables import ImportedRecord
from bugflow.tracker.search.language import parse_query


@dataclass(frozen=True)
class IssuePast:
    """An issue as it was filed, and what its labels were from when on.

    Attributes:
        filed: The columns of a report, as they were when it was filed.
        said: For each label its values, each with the moment from which on it held, the oldest first; the first is
            that of the filing.
        is_documented: Whether its changes are known; an import may bring none, and then its values of today count as
            those of its filing.
    """

    filed: Record
    said: Mapping[str, tuple[tuple[datetime, str | None], ...]]
    is_documented: bool


def read_issues(database: Database, viewer: Actor, query: str, *, as_of: datetime | None = None) -> Iterator[Batch]:
    """Yield the issues that the viewer may see and the query asks for.

    With a moment they are as they were then: what was filed, changed or corrected later is not there. An issue that was
    imported counts from when it was filed elsewhere.

    Title, description and stack trace are those of the first version. A label is what a person set or confirmed last;
    what the system set since, as a model's suggestion taken over by a job is, counts for nothing. What an import
    brought was set by people elsewhere. The reporter is a stable name that does not say who it is.
    """
    return gather_batches(_read(database, viewer, query, as_of))


def read_pasts(database: Database, viewer: Actor, query: str) -> Iterator[IssuePast]:
    """Yield the past of the issues that the viewer may see and the query asks for, so that it can be told again.

    At any moment a label is what `read_issues` would say as of it.
    """
    for record, corrections, is_imported in _read_all(database, viewer, query):
        filed_at = datetime.fromisoformat(record["created_at"])
        changes = [*_read_history(record, is_imported=is_imported), *corrections]
        later = {each.at for each in changes if each.field in LABELS and each.at is not None and each.at > filed_at}
        moments = [filed_at, *sorted(later)]
        states = [_read_issue(record, corrections, is_imported=is_imported, as_of=moment) for moment in moments]
        said = {
            name: tuple((moment, state[name]) for moment, state in zip(moments, states, strict=True)) for name in LABELS
        }
        yield IssuePast(states[0], said, is_documented=not is_imported or bool(record["history"]))


def _read(database: Database, viewer: Actor, query: str, as_of: datetime | None) -> Iterator[Record]:
    for record, corrections, is_imported in _read_all(database, viewer, query):
        if as_of is None or datetime.fromisoformat(record["created_at"]) <= as_of:
            yield _read_issue(record, corrections, is_imported=is_imported, as_of=as_of)


def _read_all(database: Database, viewer: Actor, query: str) -> Iterator[tuple[Record, list[Change], bool]]:
    """Yield each issue with what people said of its labels, and whether it was imported."""
    for records in read_records(database, viewer, parse_query(query), parts=(Part.HISTORY,)):
        numbers = [record["id"] for record in records]
        with database.snapshot() as session:
            corrections, imported = _find_corrections(session, numbers), _find_imported(session, numbers)
        for record in records:
            yield record, corrections.get(record["id"], []), record["id"] in imported


def _find_corrections(session: Session, numbers: Sequence[int]) -> dict[int, list[Change]]:
    """Return what people said of labels, also where they only confirmed them, which leaves no trace in the history."""
    found: dict[int, list[Change]] = {}
    statement = select(Correction).where(Correction.issue_id.in_(numbers)).order_by(Correction.id)
    for each in session.scalars(statement):
        change = Change(each.field, each.created_at, each.old_value, each.new_value or None)
        found.setdefault(each.issue_id, []).append(change)
    return found


def _find_imported(session: Session, numbers: Sequence[int]) -> set[int]:
    statement = select(ImportedRecord.target_id).where(
        ImportedRecord.kind == "issue", ImportedRecord.target_id.in_(numbers)
    )
    return set(session.scalars(statement))


def _read_issue(record: Record, corrections: list[Change], *, is_imported: bool, as_of: datetime | None) -> Record:
    history = sorted(_read_history(record, is_imported=is_imported), key=_moment)
    later = [change for change in history if as_of is not None and change.at is not None and change.at > as_of]
    said = sorted([*history, *corrections], key=_moment)
    if as_of is not None:
        said = [change for change in said if change.at is None or change.at <= as_of]
    return {
        "issue_id": record["key"],
        "project": record["project"],
        "title": read_as_filed(record["title"], "title", history),
        "description": read_as_filed(record["description"], "description", history),
        "stack_trace": read_as_filed(record["stack_trace"], "stack_trace", history),
        "issue_type": read_as_filed(record["issue_type"], "issue_type", history),
        "reporter": hide_person(record["reporter"]["id"]),
        "created_at": datetime.fromisoformat(record["created_at"]),
    } | {name: choose_label(_look_back(record[name], name, later), name, said) for name in LABELS}


def _look_back(current: str | None, name: str, later: Iterable[Change]) -> str | None:
    """Return a value as it was before later changes, the oldest of these first."""
    return next((change.old or None for change in later if change.field == name), current)


def _read_history(record: Record, *, is_imported: bool) -> Iterator[Change]:
    for each in record["history"]:
        by_person = is_imported or each["actor"] is not None
        yield Change(each["field"], datetime.fromisoformat(each["at"]), each["old"], each["new"], by_person)


def _moment(change: Change) -> float:
    return change.at.timestamp() if change.at is not None else 0.0


def choose_label(current: str | None, name: str, changes: Iterable[Change]) -> str | None:
    """Return the value that a person set or confirmed last, none where people took it away.

    Args:
        current: The value after these changes.
        name: The label.
        changes: Changes and corrections of the issue, the oldest first.
    """
    mine = [change for change in changes if change.field == name]
    if not mine or mine[-1].by_person:
        return current if not mine or mine[-1].new is not None else None
    # What the reporter chose stands before the first change.
    last = next((change.new for change in reversed(mine) if change.by_person), mine[0].old)
    return last or None
