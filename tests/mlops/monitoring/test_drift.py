"""Drift of labels and of texts: found where it is, and not where chance alone is at work."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import log2, sqrt

import numpy as np
import pytest
from sqlalchemy.orm import Session

from bugflow.mlops.monitoring.drift import compare_counts, find_label_drift, find_text_drift, share_new
from bugflow.mlops.monitoring.figures import Scope
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.issues.tables import Issue
from factories.workplace import Workplace, build_workplace

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = Scope.of_days("severity", 30, now=NOW)
WORDS = ("login", "button", "fails", "again", "after", "update")
LONG_AGO, LATELY = NOW - timedelta(days=60), NOW - timedelta(days=5)


@pytest.fixture
def workplace(session: Session) -> Workplace:
    return build_workplace(session)


def file(session: Session, workplace: Workplace, count: int, at: datetime, **fields: str) -> list[Issue]:
    """File issues, each a second after the one before."""
    found = [workplace.report(session, by=Role.PROJECT_MANAGER, **fields) for _ in range(count)]
    for place, issue in enumerate(found):
        issue.created_at = at + timedelta(seconds=place)
    session.flush()
    return found


def test_the_distance_is_jensen_and_shannons() -> None:
    # All of it moved from one value to the other half: by hand, m = (3/4, 1/4).
    expected = sqrt((log2(1 / 0.75) + 0.5 * log2(0.5 / 0.75) + 0.5 * log2(0.5 / 0.25)) / 2)
    found = compare_counts("things", {"a": 40}, {"a": 30, "b": 30})
    assert found.distance == pytest.approx(expected)
    assert compare_counts("things", {"a": 4}, {"b": 4}).distance == pytest.approx(1.0)
    assert compare_counts("things", {"a": 4, "b": 8}, {"a": 1, "b": 2}).distance == pytest.approx(0.0)


def test_nothing_is_said_where_a_side_is_empty() -> None:
    found = compare_counts("things", {}, {"a": 7})
    assert (found.distance, found.drifted) == (None, False)
    assert "0 now and 7 before" in found.says


def test_chance_alone_raises_the_alarm_seldom() -> None:
    generator, shares = np.random.default_rng(5), (0.5, 0.3, 0.2)
    raised = 0
    for seed in range(200):
        now, before = (Counter(generator.choice(3, size=size, p=shares).tolist()) for size in (12, 40))
        raised += compare_counts(
            "x", {str(k): v for k, v in now.items()}, {str(k): v for k, v in before.items()}, seed=seed
        ).drifted
    assert raised <= 8


def test_labels_that_come_more_often_than_before_have_drifted(session: Session, workplace: Workplace) -> None:
    for severity, then, now in (("low", 60, 10), ("high", 20, 10), ("critical", 0, 40)):
        file(session, workplace, then, LONG_AGO, severity=severity)
        file(session, workplace, now, LATELY, severity=severity)
    file(session, workplace, 9, LATELY)
    found = find_label_drift(session, WINDOW)
    assert found is not None
    assert found.drifted
    assert (found.n_window, found.n_reference) == (60, 80)
    assert found.window == pytest.approx({"critical": 4 / 6, "high": 1 / 6, "low": 1 / 6})
    assert "critical made up 0% of 80 before and 67% of 60 now" in found.says


def test_labels_that_come_as_often_as_before_have_not_drifted(session: Session, workplace: Workplace) -> None:
    for severity, then, now in (("low", 40, 20), ("high", 20, 10)):
        file(session, workplace, then, LONG_AGO, severity=severity)
        file(session, workplace, now, LATELY, severity=severity)
    found = find_label_drift(session, WINDOW)
    assert found is not None
    assert found.distance == pytest.approx(0.0)
    assert not found.drifted
    assert "are as they were" in found.says


def test_priorities_are_labels_too_and_duplicates_have_none(session: Session, workplace: Workplace) -> None:
    file(session, workplace, 4, LATELY, priority="high")
    found = find_label_drift(session, Scope.of_days("priority", 30, now=NOW))
    assert found is not None
    assert found.n_window == 4
    assert find_label_drift(session, Scope.of_days("duplicates", 30, now=NOW)) is None


def test_longer_reports_with_words_that_nobody_used_before_have_drifted(session: Session, workplace: Workplace) -> None:
    for place in range(60):
        words = WORDS[: 2 + place % 5]
        file(session, workplace, 1, LONG_AGO + timedelta(hours=place), title="It fails", description=" ".join(words))
    file(session, workplace, 40, LATELY, title="Kubernetes ingress", description="quantum flux capacitor " * 12)
    lengths, words_drift = find_text_drift(session, WINDOW)
    assert (lengths.drifted, words_drift.drifted) == (True, True)
    assert lengths.n_window == 40
    assert words_drift.n_reference == 30


def test_reports_like_those_before_have_not_drifted(session: Session, workplace: Workplace) -> None:
    for at, count in ((LONG_AGO, 60), (LATELY, 30)):
        for place in range(count):
            words = WORDS[: 2 + place % 5]
            file(session, workplace, 1, at + timedelta(minutes=place), title="It fails", description=" ".join(words))
    assert [each.drifted for each in find_text_drift(session, WINDOW)] == [False, False]


def test_a_texts_share_of_new_words_counts_each_word_once() -> None:
    assert share_new("Login fails, fails again: xyzzy 12", {"login", "fails"}) == 0.5
    assert share_new("", {"login"}) == 0.0
