"""What became of a sprint: committed, added, removed, completed, carried over, and what remained each day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bugflow.tracker.issues.tables import Issue, IssueChange
from bugflow.tracker.issues.vocabulary import FINISHED
from bugflow.tracker.sprints.tables import Sprint, SprintMembership

Stay = tuple[SprintMembership, Issue]
LONGEST_CHART_DAYS = 366


@dataclass(frozen=True)
class Amount:
    """A number of issues and their size; an issue without points or hours counts as none of these."""

    issues: int
    points: float
    hours: float


@dataclass(frozen=True)
class RemainingDay:
    """What was unfinished at the end of a day (UTC); on the last day of a completed sprint, when it was completed."""

    day: date
    remaining: Amount


@dataclass(frozen=True)
class SprintReport:
    """A sprint in numbers. Before its start, everything planned is committed."""

    committed: Amount
    added: Amount
    removed: Amount
    completed: Amount
    carried_over: Amount
    days: tuple[RemainingDay, ...]


def report_sprint(session: Session, sprint: Sprint, *, now: datetime) -> SprintReport:
    """Return a sprint's report; of a completed one it stays the same whatever becomes of its issues."""
    rows = session.execute(
        select(SprintMembership, Issue)
        .join(Issue, Issue.id == SprintMembership.issue_id)
        .where(SprintMembership.sprint_id == sprint.id)
        .order_by(SprintMembership.id)
    )
    stays = [(membership, issue) for membership, issue in rows]
    start = sprint.started_at
    if start is None:
        planned = [stay for stay in stays if stay[0].removed_at is None]
        nothing = _total([])
        return SprintReport(_total(_sizes(planned)), nothing, nothing, nothing, nothing, ())
    at_start = [stay for stay in stays if stay[0].added_at <= start and _in_at(stay[0], start)]
    later = [stay for stay in stays if stay[0].added_at > start]
    gone = [each for each in stays if each[0].outcome is None and each[0].removed_at and each[0].removed_at > start]
    completed = [stay for stay in stays if _is_completed(stay)]
    carried = [stay for stay in stays if stay[0].outcome == "carried_over"]
    return SprintReport(
        committed=_total((each.committed_points, each.committed_hours) for each, _ in at_start),
        added=_total((each.committed_points, each.committed_hours) for each, _ in later),
        removed=_total(_sizes(gone)),
        completed=_total(_sizes(completed)),
        carried_over=_total(_sizes(carried)),
        days=tuple(_remaining_days(session, sprint, start, stays, now)),
    )


def _is_completed(stay: Stay) -> bool:
    membership, issue = stay
    if membership.outcome is not None:
        return membership.outcome == "completed"
    return membership.removed_at is None and issue.status in FINISHED


def _in_at(membership: SprintMembership, moment: datetime) -> bool:
    """Whether an issue was in; one that was finished or carried over was in until the end."""
    if membership.added_at > moment:
        return False
    return membership.removed_at is None or membership.removed_at >= moment or membership.outcome is not None


def _sizes(stays: Iterable[Stay]) -> list[tuple[float | None, float | None]]:
    return [
        (issue.story_points, issue.estimated_hours)
        if membership.removed_at is None and membership.outcome is None
        else (membership.final_points, membership.final_hours)
        for membership, issue in stays
    ]


def _total(sizes: Iterable[tuple[float | None, float | None]]) -> Amount:
    listed = list(sizes)
    return Amount(len(listed), sum(points or 0 for points, _ in listed), sum(hours or 0 for _, hours in listed))


def _remaining_days(
    session: Session, sprint: Sprint, start: datetime, stays: Sequence[Stay], now: datetime
) -> Iterable[RemainingDay]:
    end = sprint.completed_at or now
    changes = _list_status_changes(session, [issue for _, issue in stays])
    day = start.astimezone(UTC).date()
    for _ in range(LONGEST_CHART_DAYS):
        moment = min(datetime.combine(day + timedelta(days=1), time(), UTC), end)
        left = [
            (membership, issue)
            for membership, issue in stays
            if _in_at(membership, moment) and not _finished_at(issue, changes.get(issue.id, []), moment)
        ]
        yield RemainingDay(day, _total(_sizes(left)))
        if moment == end:
            return
        day += timedelta(days=1)


def _list_status_changes(session: Session, issues: Sequence[Issue]) -> dict[int, list[IssueChange]]:
    changes: dict[int, list[IssueChange]] = {}
    numbers = [issue.id for issue in issues]
    for change in session.scalars(
        select(IssueChange)
        .where(IssueChange.issue_id.in_(numbers), IssueChange.field == "status")
        .order_by(IssueChange.issue_id, IssueChange.id)
    ):
        changes.setdefault(change.issue_id, []).append(change)
    return changes


def _finished_at(issue: Issue, changes: Sequence[IssueChange], moment: datetime) -> bool:
    if not changes:  # An imported issue may have none.
        return issue.resolved_at is not None and issue.resolved_at <= moment
    earlier = [change for change in changes if change.at <= moment]
    return (earlier[-1].new if earlier else changes[0].old) in FINISHED
