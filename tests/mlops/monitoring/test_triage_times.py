"""How long triage takes, before a model was in use and since."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from bugflow.mlops.corrections.service import record_correction
from bugflow.mlops.monitoring.triage_times import compare_triage_times
from bugflow.mlops.promotion.tables import ModelChange
from bugflow.tracker.accounts.actor import Actor, build_system_actor
from bugflow.tracker.issues.service import change_issue
from factories.workplace import Workplace, build_workplace

START, SWITCH, NOW = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 6))


@pytest.fixture
def workplace(session: Session) -> Workplace:
    return build_workplace(session)


def triage(
    session: Session, workplace: Workplace, filed: datetime, *, team: float, severity: float, by: Actor | None = None
) -> int:
    """File an issue; somebody says its team and severity so many hours later."""
    issue = workplace.report(session)
    issue.created_at = filed
    for field, hours, value in (("team", team, "Backend"), ("severity", severity, "high")):
        change_issue(
            session,
            issue,
            workplace.project,
            changes={field: value},
            actor=by or workplace.manager,
            now=filed + timedelta(hours=hours),
        )
    session.flush()
    return issue.id


def use_first_model(session: Session, at: datetime) -> None:
    session.add(
        ModelChange(
            model_type="team",
            scope="global",
            number=1,
            verb="used",
            version="team/1.0.0/20260301_000000",
            reason="",
            actor_name="BugFlow",
            created_at=at,
        )
    )
    session.flush()


def test_the_time_ends_when_a_person_has_said_both_fields(session: Session, workplace: Workplace) -> None:
    use_first_model(session, SWITCH)
    for place in range(12):
        triage(session, workplace, START + timedelta(days=place), team=10, severity=20 + place)
        triage(session, workplace, SWITCH + timedelta(days=place), team=2 + place / 100, severity=1)
    found = compare_triage_times(session, until=NOW)
    assert found.moment == SWITCH
    assert (found.before.n_triaged, found.after.n_triaged) == (12, 12)
    assert found.before.median_hours == pytest.approx(25.5)
    assert found.after.median_hours == pytest.approx(2.055)
    assert found.chance is not None
    assert found.chance < 0.001
    assert "it takes 2.1 hours (median of 12 issues since 2026-03-01); before it took 25.5 (of 12)" in found.says


def test_what_the_system_said_or_nobody_is_no_triage_and_a_confirmation_is(
    session: Session, workplace: Workplace
) -> None:
    triage(session, workplace, START, team=1, severity=1, by=build_system_actor("job"))
    workplace.report(session).created_at = START + timedelta(days=1)
    number = triage(session, workplace, START + timedelta(days=2), team=1, severity=1, by=build_system_actor("job"))
    for field, hours in (("team", 3), ("severity", 5)):
        record_correction(
            session,
            issue_id=number,
            field=field,
            old="Backend",
            new="Backend",
            actor=workplace.manager,
            now=START + timedelta(days=2, hours=hours),
        )
    found = compare_triage_times(session, moment=SWITCH, until=NOW)
    assert (found.before.n_filed, found.before.n_triaged, found.before.median_hours) == (3, 1, 5.0)
    assert (found.after.n_filed, found.after.median_hours, found.chance) == (0, None, None)
    assert "1 before 2026-03-01 and 0 since; 10 of each are needed" in found.says


def test_without_a_model_of_ones_own_there_is_nothing_to_compare_with(session: Session, workplace: Workplace) -> None:
    triage(session, workplace, START, team=1, severity=2)
    found = compare_triage_times(session, until=NOW)
    assert (found.moment, found.before.median_hours, found.after.n_filed) == (None, 2.0, 0)
    assert "No model of one's own" in found.says


def test_a_difference_that_may_be_chance_is_told_to_be_so(session: Session, workplace: Workplace) -> None:
    for place in range(10):
        triage(session, workplace, START + timedelta(days=place), team=1, severity=1 + place)
        triage(session, workplace, SWITCH + timedelta(days=place), team=1, severity=1.5 + place)
    assert "which may be chance" in compare_triage_times(session, moment=SWITCH, until=NOW).says
