"""What is counted of predictions, by hand and by the database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from bugflow.mlops.monitoring.figures import NO_TEAM, Scope, Share, count_cells, measure
from bugflow.mlops.monitoring.words import say_share, say_worth
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.projects.service import create_project
from factories.predictions import note_predictions
from factories.workplace import Workplace, build_workplace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


@pytest.fixture
def workplace(session: Session) -> Workplace:
    return build_workplace(session)


def scope(**facts: int) -> Scope:
    return Scope.of_days("severity", facts.pop("days", 30), now=NOW, **facts)


def test_a_window_in_which_nothing_was_predicted_has_no_shares(session: Session, workplace: Workplace) -> None:
    found = measure(session, scope(project_id=workplace.project.id))
    assert (found.overall.n_predictions, found.overall.precision, found.overall.worth) == (0, Share.of(0, 0), None)
    assert (found.versions, found.calibration.bins, found.calibration.error) == ((), (), None)
    assert "settled none" in say_worth(found.overall)


def test_the_figures_are_those_that_one_counts_by_hand(session: Session, workplace: Workplace) -> None:
    note_predictions(session, workplace.project.id, 8, at=YESTERDAY, outcome="right")
    note_predictions(session, workplace.project.id, 2, at=YESTERDAY, outcome="wrong", label="high")
    note_predictions(session, workplace.project.id, 4, at=YESTERDAY)
    note_predictions(session, workplace.project.id, 6, at=YESTERDAY, band="unsure", outcome="wrong", shown=False)
    figures = measure(session, scope()).overall
    assert figures.n_predictions == 20
    assert (figures.coverage.count, figures.coverage.total) == (14, 20)
    assert (figures.shown.count, figures.shown.share) == (14, 0.7)
    assert (figures.acceptance.count, figures.acceptance.total) == (8, 10)
    assert (figures.accuracy.count, figures.accuracy.total, figures.accuracy.share) == (8, 16, 0.5)
    assert (figures.precision.count, figures.precision.total, figures.precision.share) == (8, 10, 0.8)
    # Wilson by hand: z = 1.96, p = .8, n = 10: (.8 + .19208 ± 1.96 √(.016 + .009604)) / 1.38416.
    assert figures.precision.interval == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert figures.worth == pytest.approx((8 - 1.75 * 2) / 16 * 100)
    assert "fills in 50.0 rightly and 12.5 wrongly" in say_worth(figures)
    assert "+28.1 right answers" in say_worth(figures)
    assert say_share(figures.precision, "") == "8 of 10 (80.0%, 95 % interval 49.0% to 94.3%)"


def test_duplicates_are_counted_without_labels_of_which_each_is_another_issue(
    session: Session, workplace: Workplace
) -> None:
    for number in range(6):
        outcome = "right" if number else "wrong"
        note_predictions(
            session, workplace.project.id, at=YESTERDAY, field="duplicates", label=f"B-{number}", outcome=outcome
        )
    window = Scope.of_days("duplicates", 30, now=NOW)
    assert {(cell.outcome, cell.count, cell.label) for cell in count_cells(session, window)} == {
        ("right", 5, None),
        ("wrong", 1, None),
    }
    found = measure(session, window)
    assert (found.by_label, found.overall.precision.count, found.overall.precision.total) == ({}, 5, 6)


def test_precision_is_told_by_the_label_that_was_said_and_by_the_team_of_the_issue(
    session: Session, workplace: Workplace
) -> None:
    for team, outcome in (("Backend", "right"), ("Backend", "wrong"), ("Mobile", "right"), (None, "right")):
        issue = workplace.report(session, by=Role.PROJECT_MANAGER, **({"team": team} if team else {}))
        note_predictions(session, workplace.project.id, at=YESTERDAY, outcome=outcome, issue_id=issue.id)
    note_predictions(session, workplace.project.id, 3, at=YESTERDAY, outcome="wrong", label="high")
    found = measure(session, scope())
    assert {label: (each.count, each.total) for label, each in found.by_label.items()} == {
        "low": (3, 4),
        "high": (0, 3),
    }
    assert {team: (each.count, each.total) for team, each in found.by_team.items()} == {
        "Backend": (1, 2),
        "Mobile": (1, 1),
        NO_TEAM: (1, 1),
    }


def test_shadow_and_challenger_are_told_apart_and_count_for_nothing_else(
    session: Session, workplace: Workplace
) -> None:
    note_predictions(session, workplace.project.id, 3, at=YESTERDAY, outcome="right")
    for part, count in (("shadow", 4), ("ab", 5)):
        note_predictions(
            session, workplace.project.id, count, at=YESTERDAY, outcome="wrong", part=part, model_version="severity/2"
        )
    found = measure(session, scope())
    assert found.overall.precision.total == 3
    assert found.calibration.bins[0].right.total == 3
    assert found.by_label["low"].total == 3
    assert [(each.part, each.version, each.figures.n_predictions) for each in found.versions] == [
        ("champion", "severity/1.0.0/20260101_000000", 3),
        ("ab", "severity/2", 5),
        ("shadow", "severity/2", 4),
    ]


def test_only_the_window_the_field_and_the_project_are_looked_at(session: Session, workplace: Workplace) -> None:
    other = create_project(session, key="O", name="Other", actor=build_system_actor("cli"), now=NOW)
    mine = workplace.project.id
    note_predictions(session, mine, 1, at=NOW - timedelta(days=30))
    note_predictions(session, mine, 2, at=NOW)
    note_predictions(session, mine, 4, at=NOW - timedelta(days=30, seconds=1))
    note_predictions(session, mine, 8, at=YESTERDAY, field="team")
    note_predictions(session, mine, 16, at=YESTERDAY, method="off", band="unsure")
    note_predictions(session, other.id, 32, at=YESTERDAY)
    assert measure(session, scope()).overall.n_predictions == 33
    assert measure(session, scope(project_id=mine)).overall.n_predictions == 1
    assert measure(session, scope().before).overall.n_predictions == 4
    assert measure(session, scope(days=2)).overall.n_predictions == 32


def test_the_calibration_error_is_the_mean_gap_between_probability_and_being_right(
    session: Session, workplace: Workplace
) -> None:
    for probability, right, wrong in ((0.95, 3, 1), (0.9, 1, 0), (0.65, 0, 2), (1.0, 1, 0), (0.05, 0, 1)):
        for outcome, count in (("right", right), ("wrong", wrong)):
            note_predictions(
                session, workplace.project.id, count, at=YESTERDAY, outcome=outcome, probability=probability
            )
    note_predictions(session, workplace.project.id, at=YESTERDAY, outcome="right", probability=None, method="keyword")
    found = measure(session, scope()).calibration
    assert [(each.low, each.right.count, each.right.total) for each in found.bins] == [
        (0.0, 0, 1),
        (0.6, 0, 2),
        (0.9, 5, 6),
    ]
    assert [each.mean for each in found.bins] == pytest.approx([0.05, 0.65, (4 * 0.95 + 0.9 + 1.0) / 6])
    # Gaps by hand: |.05 - 0| + |1.30 - 0| + |5.70 - 5| = 2.05, of nine.
    assert found.error == pytest.approx(2.05 / 9)
