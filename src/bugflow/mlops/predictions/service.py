"""Writing the predictions ledger: rows, drafts that became issues, drafts that did not."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Insert, TextClause, and_, delete, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from bugflow.mlops.predictions.entries import Entry, Part, digest_draft
from bugflow.mlops.predictions.settling import Settle, settle_issue
from bugflow.mlops.predictions.tables import DRAFTED, REPORTED, VERSION, Prediction
from bugflow.mlops.registry.versions import DUPLICATES, MODEL_TYPES
from bugflow.tracker.issues.tables import Issue

DRAFT_AGE = timedelta(days=1)
"""What was predicted longer before a report has nothing to do with it."""
DRAFTS_KEPT = timedelta(days=30)


def record_entries(session: Session, entries: Sequence[Entry], *, settle: Settle = settle_issue) -> None:
    """Write down what was said; said again it stays one row, which was shown once one of them was.

    A draft may have been reported in the meantime: then it belongs to its issue. And people may have merged an issue
    before it is written down what was suggested to them.

    Args:
        session: A session that writes.
        entries: What was said.
        settle: Settles what is known already.
    """
    found = _find_reported(session, entries)
    known = [_attach(entry, found) for entry in entries]
    known.sort(key=lambda each: (each.subject.issue_id or 0, each.subject.draft_key or "", each.field))
    reported = [_to_row(entry) for entry in known if entry.subject.issue_id is not None]
    drafted = [_to_row(entry) for entry in known if entry.subject.issue_id is None]
    if reported:
        session.execute(_build_insert(session, "issue_id", REPORTED), reported)
    if drafted:
        session.execute(_build_insert(session, "draft_key", DRAFTED), drafted)
    drafted_once = {issue_id for issue_id, _ in found.values()}
    suggested_for = {each.subject.issue_id for each in known if each.field == DUPLICATES}
    for issue_id in sorted(each for each in suggested_for | drafted_once if each is not None):
        settle(session, issue_id, MODEL_TYPES if issue_id in drafted_once else (DUPLICATES,))


def _find_reported(session: Session, entries: Sequence[Entry]) -> dict[str, tuple[int, datetime]]:
    """Return by key the latest issue of each draft that the ledger knows, and when it was reported."""
    drafts = [each for each in entries if each.subject.issue_id is None and each.subject.draft_key is not None]
    if not drafts:
        return {}
    rows = session.execute(
        select(Prediction.draft_key, Issue.id, Issue.created_at)
        .join(Issue, Issue.id == Prediction.issue_id)
        .where(Prediction.draft_key.in_({each.subject.draft_key for each in drafts}))
        .where(Issue.created_at >= min(each.created_at for each in drafts))
        .order_by(Issue.id)
    )
    return {str(key): (issue_id, created_at) for key, issue_id, created_at in rows}


def _attach(entry: Entry, found: dict[str, tuple[int, datetime]]) -> Entry:
    key = entry.subject.draft_key
    if entry.subject.issue_id is not None or key not in found or found[key][1] < entry.created_at:
        return entry
    return replace(entry, subject=replace(entry.subject, issue_id=found[key][0]))


def _to_row(entry: Entry) -> dict[str, Any]:
    return {
        "project_id": entry.subject.project_id,
        "issue_id": entry.subject.issue_id,
        "draft_key": entry.subject.draft_key,
        "field": entry.field,
        "label": entry.label,
        "probability": entry.probability,
        "threshold": entry.threshold,
        "band": entry.band,
        "method": entry.method,
        "model_version": entry.model_version,
        "part": entry.part,
        "shown": entry.shown,
        "latency_ms": entry.latency_ms,
        "created_at": entry.created_at,
    }


def _build_insert(session: Session, whose: str, where: TextClause) -> Insert:
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(Prediction)
    shown = or_(Prediction.shown, statement.excluded.shown)
    once: Insert = statement.on_conflict_do_update(
        index_elements=[whose, "field", "part", VERSION], index_where=where, set_={"shown": shown}
    )
    return once


def key_of(issue: Issue) -> str:
    """Return the key that the draft of an issue has, if its reporter has asked about it as it was reported."""
    return digest_draft(reporter_id=issue.reporter_id, project_id=issue.project_id, description=issue.description)


def attach_draft(session: Session, issue: Issue) -> None:
    """Let what was said of a draft belong to the issue that was made of it."""
    drafts = session.scalars(select(Prediction).where(_of_draft(issue))).all()
    if not drafts:
        return
    own = session.scalars(select(Prediction).where(Prediction.issue_id == issue.id))
    present = {(each.field, each.part, each.model_version): each for each in own}
    for draft in drafts:
        same = present.get((draft.field, draft.part, draft.model_version))
        if same is None:
            draft.issue_id = issue.id
        else:
            same.shown = same.shown or draft.shown
            session.delete(draft)
    session.flush()


def _of_draft(issue: Issue) -> ColumnElement[bool]:
    return and_(
        Prediction.draft_key == key_of(issue),
        Prediction.issue_id.is_(None),
        Prediction.created_at.between(issue.created_at - DRAFT_AGE, issue.created_at),
    )


def list_judged(session: Session, issue: Issue, *, part: Part) -> set[str]:
    """Return the fields of an issue, or of its draft, in which a part has said something."""
    own = or_(Prediction.issue_id == issue.id, _of_draft(issue))
    return set(session.scalars(select(Prediction.field).where(own, Prediction.part == part)))


def forget_drafts(session: Session, *, now: datetime) -> None:
    """Delete what was said of drafts that nobody has reported."""
    session.execute(delete(Prediction).where(Prediction.issue_id.is_(None), Prediction.created_at < now - DRAFTS_KEPT))
