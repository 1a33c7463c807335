"""What was suggested, for the ledger of predictions: of each who spoke, the issue that came first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bugflow.assist.duplicates.ranking import Match, Ranked
from bugflow.mlops.predictions.entries import Entry, Subject, digest_draft
from bugflow.mlops.predictions.service import key_of
from bugflow.mlops.registry.versions import DUPLICATES
from bugflow.mlops.serving.opinions import Band
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.issues.duplicates import find_canonical
from bugflow.tracker.issues.tables import Issue


@dataclass(frozen=True, slots=True)
class Said:
    """What one who puts candidates in order has said.

    Attributes:
        best: What comes first of what the viewer may see; none where nothing is suggested.
        label: Its key as it is shown.
    """

    ranked: Ranked
    best: Match | None
    label: str | None

    @property
    def band(self) -> Band:
        """How sure that is."""
        if self.best is None:
            return "unsure"
        return "sure" if self.best.flagged else "suggested"


def name_draft(actor: Actor, project_id: int, description: str) -> Subject | None:
    """Return what the ledger knows a draft by; none where it cannot be told from others: without a description."""
    if actor.user_id is None or not description.strip():
        return None
    key = digest_draft(reporter_id=actor.user_id, project_id=project_id, description=description)
    return Subject(project_id=project_id, issue_id=None, draft_key=key)


def name_issue(session: Session, issue: Issue) -> Subject | None:
    """Return what the ledger knows an issue by; none for a duplicate: the right one is not suggested any more."""
    if find_canonical(session, issue.id) != issue.id:
        return None
    return Subject(project_id=issue.project_id, issue_id=issue.id, draft_key=key_of(issue))


def list_entries(subject: Subject, said: Sequence[Said], *, seconds: float, now: datetime) -> list[Entry]:
    """Return what goes into the ledger.

    Args:
        subject: Of which report.
        said: By whom; what was shown comes first.
        seconds: How long the whole answer took.
        now: When it was given.
    """
    shared = seconds - sum(each.ranked.seconds for each in said)
    return [
        Entry(
            subject=subject,
            field=DUPLICATES,
            label=each.label,
            probability=None if each.best is None else each.best.probability,
            threshold=each.ranked.threshold,
            band=each.band,
            method=each.ranked.method,
            model_version=each.ranked.version,
            part=each.ranked.part,
            shown=place == 0,
            latency_ms=(shared + each.ranked.seconds) * 1000,
            created_at=now,
        )
        for place, each in enumerate(said)
    ]
