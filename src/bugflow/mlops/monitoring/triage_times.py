"""How long it takes until a person has triaged an issue, before a model was in use and since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, Subquery, case, func, select, union_all
from sqlalchemy.orm import Session

from bugflow.mlops.corrections.tables import Correction
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.tracker.issues.tables import Issue, IssueChange

TRIAGED = ("team", "severity")
MOST_ISSUES = 5_000
"""Of each side the newest are looked at."""
LEAST = 10
"""Of fewer issues on a side nothing is compared."""
CHANCE = 0.05
HOUR = 3600


@dataclass(frozen=True)
class TriageTime:
    """How long triage took.

    Attributes:
        n_filed: How many issues were looked at.
        n_triaged: Of how many a person has said both team and severity, after they were filed.
        median_hours: From filing until then; none where there is none.
    """

    n_filed: int
    n_triaged: int
    median_hours: float | None


@dataclass(frozen=True)
class TriageTimes:
    """Triage before a moment and since.

    Attributes:
        moment: When a model of one's own was first used, or the one that was asked for; none where there is none.
        chance: How probable a difference as large is by chance (Mann-Whitney, two-sided); none where too few.
    """

    moment: datetime | None
    before: TriageTime
    after: TriageTime
    chance: float | None

    @property
    def says(self) -> str:
        """The figures in a sentence."""
        if self.moment is None:
            return "No model of one's own has been used yet, so there is nothing to compare triage with."
        if self.chance is None or self.before.median_hours is None or self.after.median_hours is None:
            return (
                f"Too few issues were triaged by people to compare: {self.before.n_triaged:,} before "
                f"{self.moment:%Y-%m-%d} and {self.after.n_triaged:,} since; {LEAST} of each are needed."
            )
        certain = "" if self.chance < CHANCE else ", which may be chance"
        return (
            f"Until a person has said team and severity it takes {self.after.median_hours:.1f} hours (median of "
            f"{self.after.n_triaged:,} issues since {self.moment:%Y-%m-%d}); before it took "
            f"{self.before.median_hours:.1f} (of {self.before.n_triaged:,}){certain} "
            f"(Mann-Whitney, p = {self.chance:.2g})."
        )


def compare_triage_times(
    session: Session, *, project_id: int | None = None, moment: datetime | None = None, until: datetime
) -> TriageTimes:
    """Compare how long triage took of issues filed before a moment and since; by itself, the first model's.

    Source of the test: Mann, Whitney, On a Test of Whether one of Two Random Variables is Stochastically Larger than
    the Other, Annals of Mathematical Statistics 1947.
    """
    from scipy.stats import mannwhitneyu  # noqa: PLC0415 -- A second and 60 MB, which few processes need.

    moment = moment or find_first_use(session)
    own = [] if project_id is None else [Issue.project_id == project_id]
    border = moment or until
    before_filed, before = _read_hours(session, [*own, Issue.created_at < border])
    after_filed, after = _read_hours(session, [*own, Issue.created_at >= border, Issue.created_at < until])
    chance = None
    if len(before) >= LEAST and len(after) >= LEAST:
        chance = float(mannwhitneyu(before, after, alternative="two-sided").pvalue)
    return TriageTimes(moment, _sum_up(before_filed, before), _sum_up(after_filed, after), chance)


def find_first_use(session: Session) -> datetime | None:
    """Return when a model of one's own first found team or severity; none where none has."""
    own = select(ModelChange.created_at).where(ModelChange.model_type.in_(TRIAGED), ModelChange.version.is_not(None))
    return session.scalars(own.order_by(ModelChange.created_at).limit(1)).first()


def _sum_up(n_filed: int, hours: Sequence[float]) -> TriageTime:
    return TriageTime(n_filed, len(hours), float(np.median(hours)) if hours else None)


def _read_hours(session: Session, conditions: Sequence[ColumnElement[bool]]) -> tuple[int, list[float]]:
    """Return how many of the newest issues there are, and the hours until those that were triaged were so."""
    newest = select(Issue.id, Issue.created_at).where(*conditions).order_by(Issue.created_at.desc())
    issues = newest.limit(MOST_ISSUES).subquery()
    said = _select_said(issues)
    moments = [func.min(case((said.c.field == field, said.c.at))).label(field) for field in TRIAGED]
    first = select(said.c.issue_id, *moments).group_by(said.c.issue_id).subquery()
    columns = [first.c[field] for field in TRIAGED]
    both = [column.is_not(None) for column in columns]
    rows = session.execute(
        select(issues.c.created_at, *columns).join(first, first.c.issue_id == issues.c.id).where(*both)
    )
    n_filed = session.scalar(select(func.count()).select_from(issues)) or 0
    return n_filed, [(max(moments) - filed).total_seconds() / HOUR for filed, *moments in rows]


def _select_said(issues: Subquery) -> Subquery:
    """Select when a person set a field of these issues, or confirmed it."""
    own = select(issues.c.id)
    changed = select(IssueChange.issue_id, IssueChange.field, IssueChange.at).where(
        IssueChange.issue_id.in_(own),
        IssueChange.field.in_(TRIAGED),
        IssueChange.actor_id.is_not(None),
        IssueChange.new.is_not(None),
    )
    confirmed = select(Correction.issue_id, Correction.field, Correction.created_at.label("at")).where(
        Correction.issue_id.in_(own), Correction.field.in_(TRIAGED)
    )
    return union_all(changed, confirmed).subquery()
