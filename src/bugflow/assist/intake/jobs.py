"""Judging every new issue, so that the ledger of predictions does not only know what somebody has looked at."""

from collections.abc import Mapping
from datetime import timedelta

from bugflow.assist.intake.judging import judge_with
from bugflow.assist.intake.predicting import Case, read_issue
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import job
from bugflow.mlops.predictions.entries import Entry
from bugflow.mlops.predictions.service import list_judged, record_entries
from bugflow.mlops.predictions.settling import settle_issue
from bugflow.mlops.promotion.sides import list_tried
from bugflow.mlops.registry.versions import TRIAGE_TYPES, TriageType
from bugflow.mlops.serving.host import ModelHost
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.issues.events import IssueReported
from bugflow.tracker.issues.queries import find_issue

OLDEST = timedelta(days=1)
"""What was filed longer ago is judged no more: it may have been changed, and says nothing of models at work."""


@job(on=IssueReported)
def judge_reported(database: Database, event: IssueReported, models: ModelHost) -> None:
    """Let the models in use judge a new issue once, in the fields of which its draft was not judged.

    Those that are tried in the shadow judge it, too.
    """
    case, missing, tried = _read_case(database, event.issue_id)
    if case is None:
        return
    entries = judge_with(models, case, part="champion", fields=missing, now=utc_now()) if missing else []
    entries += _think_along(models, case, tried)
    if not entries:
        return
    with database.transaction() as session:
        issue = find_issue(session, event.issue_id)
        if issue is not None:  # It may have been deleted since.
            record_entries(session, entries)
            settle_issue(session, issue.id)


def _think_along(models: ModelHost, case: Case, tried: Mapping[TriageType, str]) -> list[Entry]:
    """Return what the versions that are tried think, by field; nothing of one that is not in memory."""
    if models.rivals is None or not tried:
        return []
    entries, versions = judge_with(models.rivals, case, part="shadow", fields=tried, now=utc_now()), set(tried.values())
    return [each for each in entries if each.model_version in versions]


def _read_case(database: Database, issue_id: int) -> tuple[Case | None, set[TriageType], Mapping[TriageType, str]]:
    """Return what is to be judged, in which fields nobody has, and what is tried in the shadow in others."""
    with database.snapshot() as session:
        issue = find_issue(session, issue_id)
        if issue is None or utc_now() - issue.created_at > OLDEST:
            return None, set(), {}
        known = list_judged(session, issue, part="champion")
        case = read_issue(session, build_system_actor("job"), issue, with_similar=False)
        trials = list_tried(session, case.scope, stage="shadow")
    missing = {target for target in TRIAGE_TYPES if target not in known}
    return case, missing, {target: trials[target].version for target in TRIAGE_TYPES if target in trials}
