"""Keeping the predictions ledger in the background: drafts that became issues, what people said, what is forgotten."""

from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.jobs.definition import job
from bugflow.mlops.corrections.events import CorrectionRecorded
from bugflow.mlops.predictions import service
from bugflow.mlops.predictions.service import attach_draft
from bugflow.mlops.predictions.settling import Settle, settle_issue
from bugflow.mlops.registry.versions import MODEL_TYPES, TRIAGE_TYPES
from bugflow.tracker.issues.events import IssueChanged, IssueReported
from bugflow.tracker.issues.queries import find_issue


@job(on=IssueReported)
def settle_reported(session: Session, event: IssueReported, settle_predictions: Settle = settle_issue) -> None:
    """Give a new issue what was said of its draft, and settle what people have said themselves."""
    issue = find_issue(session, event.issue_id)
    if issue is not None:
        attach_draft(session, issue)
        settle_predictions(session, issue.id, MODEL_TYPES)


@job(on=IssueChanged)
def settle_changed(session: Session, event: IssueChanged) -> None:
    """Settle the predictions of fields that a person has set, replaced or emptied."""
    fields = set(event.fields) & set(TRIAGE_TYPES)
    if fields and event.actor_id is not None:
        settle_issue(session, event.issue_id, fields)


@job(on=CorrectionRecorded)
def settle_corrected(session: Session, event: CorrectionRecorded) -> None:
    """Settle the predictions of a field that a person has corrected or confirmed."""
    settle_issue(session, event.issue_id, {event.field})


@job(schedule="40 3 * * *")
def forget_drafts(session: Session) -> None:
    """Delete what was said of drafts that nobody has reported for a month."""
    service.forget_drafts(session, now=utc_now())
