"""Made-up reports that repeat older ones."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bugflow.ml.contract import Report
from bugflow.ml.duplicates.copies import LEAST_OLDER, Copy, make_copies
from bugflow.ml.duplicates.history import History, build_history
from bugflow.ml.duplicates.index import Filed

START = datetime(2024, 1, 1, tzinfo=UTC)
PLATFORMS = ("Android", "Windows", "Safari")


def tell_history(reports: int = 400, issue_type: str = "bug") -> History:
    """Reports of one bug an hour, each about one of three platforms."""
    texts = [
        Report(
            f"List on {PLATFORMS[row % 3]} loses Row {row} after Sort in Main Window",
            f"On {PLATFORMS[row % 3]} the row is gone. It was there before. Sort twice to see it. Nothing helps.",
        )
        for row in range(reports)
    ]
    filed = [
        Filed(
            (START + timedelta(hours=row)).timestamp(),
            fields={"project": "web", "component": "list", "issue_type": issue_type, "reporter": f"u-{row}"},
        )
        for row in range(reports)
    ]
    return build_history([f"WEB-{row}" for row in range(reports)], texts, filed, [])


@pytest.fixture(scope="module")
def history() -> History:
    return tell_history()


@pytest.fixture(scope="module")
def copies(history: History) -> list[Copy]:
    return make_copies(history, 300)


def test_each_repeats_a_report_that_is_older_than_its_moment(history: History, copies: list[Copy]) -> None:
    assert len(copies) > 200
    assert all(copy.of < copy.row and copy.row >= LEAST_OLDER for copy in copies)
    assert all(copy.filed.created == history.filed[copy.row].created for copy in copies)
    assert [copy.row for copy in copies] == sorted(copy.row for copy in copies)


def test_the_same_bug_is_told_whole_or_in_part(history: History, copies: list[Copy]) -> None:
    same = [copy for copy in copies if copy.same]
    whole = [copy for copy in same if copy.report == history.reports[copy.of]]
    assert 80 < len(whole) < len(same) - 80
    for copy in same:
        assert copy.report.title == history.reports[copy.of].title
        older = history.reports[copy.of].description
        assert all(sentence in older for sentence in copy.report.description.split("\n"))
        assert copy in whole or len(copy.report.description) < len(older)


def test_another_bug_differs_in_one_word_wherever_it_stands(history: History, copies: list[Copy]) -> None:
    others = [copy for copy in copies if not copy.same]
    assert 60 < len(others) < len(copies) / 2
    for copy in others:
        before, after = history.reports[copy.of], copy.report
        words = list(zip(before.title.split(), after.title.split(), strict=True))
        changed = {(old, new) for old, new in words if old != new}
        assert len(changed) == 1
        [(old, _)] = changed
        assert old not in after.description.split()


def test_a_name_is_exchanged_for_a_name(history: History, copies: list[Copy]) -> None:
    titles = [(history.reports[copy.of].title.split(), copy.report.title.split()) for copy in copies if not copy.same]
    pairs = {(old[2], new[2]) for old, new in titles if old[2] != new[2]}
    assert pairs
    assert all(old in PLATFORMS and (new in PLATFORMS or not new.islower()) for old, new in pairs)


def test_mostly_another_person_writes_it_and_its_fields_are_those_of_the_older(
    history: History, copies: list[Copy]
) -> None:
    others = [copy for copy in copies if copy.filed.fields["reporter"] != history.filed[copy.of].fields["reporter"]]
    assert 0.7 < len(others) / len(copies) < 0.97
    assert all(copy.filed.fields["project"] == "web" for copy in copies)
    assert 0.6 < np.mean(["component" in copy.filed.fields for copy in copies]) < 0.95


def test_tasks_are_not_repeated() -> None:
    assert make_copies(tell_history(issue_type="task"), 300) == []


def test_where_there_are_few_reports_nothing_is_repeated() -> None:
    assert make_copies(tell_history(LEAST_OLDER), 300) == []


def test_the_same_seed_gives_the_same_copies_in_each_process() -> None:
    told = "from ml.duplicates.test_copies import *; print([c.report.title for c in make_copies(tell_history(), 300)])"
    outputs = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", told]
        ran = subprocess.run(command, env=environment, capture_output=True, check=True)  # noqa: S603 -- Our own command.
        outputs.add(ran.stdout)
    assert len(outputs) == 1


def test_the_same_seed_gives_the_same_copies(history: History, copies: list[Copy]) -> None:
    assert make_copies(history, 300) == copies
    assert make_copies(history, 300, seed=1) != copies
