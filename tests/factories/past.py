"""Issues of a past whose label their words tell, for what tells a past again."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from bugflow.ml.contract import Report
from bugflow.mlops.backtesting.stream import FiledIssue, Said
from factories.labelled import SHARES, WORDS

FIRST = datetime(2026, 1, 5, 8, tzinfo=UTC)


def build_past(count: int, *, seed: int = 0, field: str = "severity") -> list[FiledIssue]:
    """Return issues, one an hour, each with the label that its words tell."""
    generator, names = np.random.default_rng(seed), list(WORDS)
    past = []
    for number in range(1, count + 1):
        label = names[int(generator.choice(len(names), p=SHARES))]
        words = [*generator.choice(WORDS[label], 2), *(f"part{each}" for each in generator.integers(0, 900, 6))]
        filed_at = FIRST + timedelta(hours=number)
        past.append(build_issue(f"B-{number}", " ".join(words), {field: ((filed_at, label),)}, filed_at=filed_at))
    return past


def build_issue(key: str, title: str, said: Mapping[str, Said], *, filed_at: datetime) -> FiledIssue:
    """Return an issue whose title is all that was written."""
    return FiledIssue(key=key, filed_at=filed_at, report=Report(title), lesson=Report(title), said=said)
