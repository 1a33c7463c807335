"""The small parts of serving: labels, rules, the breaker, the pace."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bugflow.ml.contract import Report
from bugflow.mlops.registry.versions import TriageType
from bugflow.mlops.serving.breaker import Breaker
from bugflow.mlops.serving.labels import fit_label
from bugflow.mlops.serving.opinions import Question
from bugflow.mlops.serving.pace import Pace
from bugflow.mlops.serving.rules import judge_by_rules

SEVERITIES = ("low", "medium", "high", "critical")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("target", "label", "possible", "meant"),
    [
        ("severity", "HIGH", SEVERITIES, "high"),
        ("severity", "blocker", SEVERITIES, "critical"),
        ("severity", "Trivial", SEVERITIES, "low"),
        ("severity", "high", ("Minor", "Major", "Blocker"), "Major"),
        ("severity", "low", ("trivial", "minor", "major"), None),  # Two mean the same.
        ("severity", "1", SEVERITIES, None),  # The worst here, the mildest there.
        ("severity", "critical", ("1", "2", "3"), None),
        ("severity", "catastrophic", SEVERITIES, None),
        ("team", " backend ", ("Frontend", "Backend"), "Backend"),
        ("team", "Mobile", ("Frontend", "Backend"), None),
        ("component", "UI", (), None),
    ],
)
def test_a_label_is_said_in_the_projects_words_or_not_at_all(
    target: TriageType, label: str, possible: tuple[str, ...], meant: str | None
) -> None:
    assert fit_label(target, label, possible) == meant


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=20), st.lists(st.text(max_size=20), max_size=4))
def test_no_label_is_said_that_is_not_possible(label: str, possible: list[str]) -> None:
    assert fit_label("severity", label, possible) in {None, *possible}


@pytest.mark.parametrize(
    ("text", "labels", "label", "band", "words"),
    [
        ("A crash. Another Crash!", SEVERITIES, "critical", "suggested", ["crash"]),
        ("It is slow", SEVERITIES, "medium", "unsure", []),
        ("A crash", ("Minor", "Blocker"), "Blocker", "suggested", ["crash"]),
        ("It is slow", ("S1", "S2"), None, "unsure", []),
        ("", (), None, "unsure", []),
    ],
)
def test_rules_suggest_by_their_words_and_are_never_sure(
    text: str, labels: tuple[str, ...], label: str | None, band: str, words: list[str]
) -> None:
    found = judge_by_rules(Question("severity", labels), Report(text), because="no model", explain=True)
    assert (found.label, found.band, found.method) == (label, band, "keyword")
    assert [each.what for each in found.reasons or ()] == words
    assert found.abstained
    assert found.confidence is None


def test_a_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker(failures=3, pause_seconds=10, clock=Clock())
    for opened in (breaker.note_failure(), breaker.note_failure()):
        assert not opened
    breaker.note_success()
    assert [breaker.note_failure() for _ in range(3)] == [False, False, True]
    assert breaker.state == "open"
    assert not breaker.allows()


def test_after_the_pause_one_call_tries_and_decides_for_all() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, pause_seconds=10, clock=clock)
    breaker.note_failure()
    clock.now += 10
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.note_failure()
    assert not breaker.allows()
    clock.now += 10
    assert breaker.allows()
    assert breaker.note_success()
    assert breaker.state == "closed"
    assert breaker.allows()


def test_a_trial_that_was_not_made_leaves_the_next_one_its_turn() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, pause_seconds=10, clock=clock)
    breaker.note_failure()
    clock.now += 10
    assert breaker.allows()
    breaker.note_nothing()
    assert breaker.allows()


def test_it_is_quiet_until_more_than_so_many_come_in_a_second() -> None:
    clock = Clock()
    pace = Pace(2, clock=clock)
    for quiet in (True, True, False):
        pace.note()
        assert pace.is_quiet() is quiet
    clock.now += 1.1
    assert pace.is_quiet()
