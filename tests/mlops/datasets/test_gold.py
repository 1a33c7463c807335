"""The gold set: frozen once, growing, and never on the other side."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bugflow.mlops.datasets.errors import LEAST_LABELLED, TooFewLabelledError
from bugflow.mlops.datasets.gold import GoldRule, freeze_gold

START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=1_000)


def days(count: int, *, first: int = 0) -> list[datetime]:
    return [START + timedelta(days=first + day) for day in range(count)]


def name(count: int) -> list[str]:
    return [f"WEB-{number}" for number in range(count)]


def test_the_newest_fifth_is_gold_when_it_is_frozen() -> None:
    moments = days(500)
    marked = freeze_gold("severity", moments[::-1], now=NOW).mark(name(500), moments)
    assert marked.tolist() == [False] * 400 + [True] * 100


def test_of_what_is_filed_later_every_fifth_joins_it() -> None:
    rule = freeze_gold("team", days(500), now=NOW)
    marked = rule.mark(name(5_000), days(5_000, first=1_001))
    assert 900 < marked.sum() < 1_100
    assert all(marked[start : start + 500].any() for start in range(0, 5_000, 500))


def test_no_issue_changes_sides_when_others_come() -> None:
    rule = freeze_gold("team", days(500), now=NOW)
    names, moments = name(2_000), days(2_000)
    whole = rule.mark(names, moments)
    order = np.random.default_rng(0).permutation(2_000)[:700]
    again = rule.mark([names[place] for place in order], [moments[place] for place in order])
    assert again.tolist() == whole[order].tolist()
    assert whole[:400].sum() == 0


def test_what_is_imported_later_is_gold_by_when_it_was_filed() -> None:
    rule = GoldRule(since=START + timedelta(days=10), until=NOW)
    assert rule.mark(["OLD-1", "OLD-2"], [START, START + timedelta(days=10)]).tolist() == [False, True]


def test_an_issue_without_a_date_teaches() -> None:
    assert not GoldRule(START, NOW).mark(["WEB-1"], [None]).any()


def test_with_too_few_nothing_is_frozen() -> None:
    with pytest.raises(TooFewLabelledError, match=r"249 issues have a team .* and 250 are needed"):
        freeze_gold("team", [*days(LEAST_LABELLED - 1), None], now=NOW)
    assert freeze_gold("team", days(LEAST_LABELLED), now=NOW).since == START + timedelta(days=200)
