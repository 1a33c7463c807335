"""A small tracker's past with duplicates, made up anew from a seed."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from bugflow.assist.duplicates.service import merge_issues
from bugflow.core.database import Database
from bugflow.tracker.issues.service import change_issue
from bugflow.tracker.issues.tables import Issue
from factories.workplace import Workplace

SYLLABLES = [first + second for first in "bdfgklmnrstv" for second in "aeio"]
COMPONENTS = ("core", "ui", "db")
FIXED_EACH = 5


class Told(NamedTuple):
    """A made-up report, and the number of the older one that it repeats."""

    title: str
    description: str
    older: int | None


def make_reports(issues: int, share: float, seed: int, *, once: bool = False) -> Iterator[Told]:
    """Yield reports, of which a share repeats an older one in other words, some of them the same.

    Args:
        issues: How many.
        share: Of those that repeat another one, in [0, 1].
        seed: Of all that is chosen by chance.
        once: Whether nothing is repeated twice; then every fifth is never repeated.
    """
    random = np.random.default_rng(seed)
    vocabulary = sorted({"".join(random.choice(SYLLABLES, 3)) for _ in range(900)})
    topics: list[list[str]] = []
    fresh: list[int] = []
    for number in range(issues):
        known = fresh if once else range(number)
        older = None
        if number > 20 and random.random() < share and known:
            older = known[int(random.integers(0, len(known)))]
        topic = list(random.choice(vocabulary, 12)) if older is None else list(topics[older])
        if older is not None:
            topic[8:] = list(random.choice(vocabulary, 4))
        topics.append(topic)
        told = [str(each) for each in random.permutation(topic)]
        if once and older is not None:
            fresh.remove(older)
        elif number % FIXED_EACH:
            fresh.append(number)
        yield Told(" ".join(told[:4]), " ".join(told[4:]), older)


def report_tracker(database: Database, workplace: Workplace, *, issues: int = 480, seed: int = 0) -> None:
    """File reports, of which half repeat an older one and are merged into it at once; some others are fixed."""
    with database.transaction() as session:
        filed: list[Issue] = []
        for number, told in enumerate(make_reports(issues, 0.55, seed, once=True)):
            issue = workplace.report(session, title=told.title, description=told.description)
            filed.append(issue)
            actor, now = workplace.manager, workplace.tick()
            if told.older is not None:
                merge_issues(session, issue, filed[told.older], evidence={}, actor=actor, now=now)
            elif number % FIXED_EACH == 0:
                changes = {"status": "closed", "resolution": "fixed"}
                change_issue(session, issue, workplace.project, changes=changes, actor=actor, now=now)


def write_tracker(path: Path, *, issues: int = 400, share: float = 0.3, seed: int = 0) -> Path:
    """Write a Parquet file of made-up reports."""
    rows: list[dict[str, object]] = []
    for number, told in enumerate(make_reports(issues, share, seed)):
        component = number % 3 if told.older is None else COMPONENTS.index(str(rows[told.older]["component"]))
        rows.append(
            {
                "issue_id": f"T-{number}",
                "title": told.title,
                "description": told.description,
                "component": COMPONENTS[component],
                "created_at": f"2024-01-01T{number // 60:02}:{number % 60:02}:00",
                "resolved_at": f"2024-02-01T{number // 60:02}:{number % 60:02}:00",
                "duplicate_of": None if told.older is None else f"T-{told.older}",
            }
        )
    pl.DataFrame(rows, schema_overrides={"duplicate_of": pl.String}).write_parquet(path)
    return path
