"""What people read about a decision."""

import json

import numpy as np
import pytest

from bugflow.mlops.promotion.gate import MAJORITY, Answers, Verdict, judge
from bugflow.mlops.promotion.report import describe_verdict, write_report

TRUTH = ["low"] * 60 + ["a | b"] * 40
CHAMPION, DATASET = "severity/1.2.0/20260101_120000", "ml_datasets/global/20260201_120000_0123456789ab"


def decide(*, wrong: int, champion: bool = True) -> Verdict:
    candidate = Answers(np.array(["a | b"] * wrong + TRUTH[wrong:]), np.arange(100) < 60)
    used = Answers(np.array(TRUTH), np.arange(100) < 60)
    baselines = {MAJORITY: Answers.always("low", 100)}
    return judge(TRUTH, candidate, champion=used if champion else None, baselines=baselines)


def test_what_passed_says_so_with_every_figure() -> None:
    said = write_report(decide(wrong=0), field="severity", champion=CHAMPION, dataset=DATASET)
    assert said.startswith("# A new model of severity: it may be used\n\nIt passed all 7 checks and may follow")
    assert "| the candidate | 100.0% (96.3% to 100.0%) | 60.0% | 100.0% (94.0% to 100.0%) | +0.600 |" in said
    assert "| the most frequent label | 60.0% (50.2% to 69.1%) | 0.0% | never sure | +0.000 |" in said
    assert f"Learned from `{DATASET}`. 100 issues of it" in said


def test_what_failed_comes_first_and_labels_cannot_break_the_table() -> None:
    said = write_report(decide(wrong=20), field="severity", champion=CHAMPION, dataset=DATASET)
    assert f"It failed 4 of 7 checks, so {CHAMPION} will be used on." in said
    rows = [line for line in said.splitlines() if line.startswith(("| passed", "| **failed**"))]
    assert rows[0].startswith("| **failed** | Where it is sure, it is right 40 times of 60")
    assert any("items that are 'a \\| b' it finds" in row for row in rows)


def test_what_is_in_use_is_named_as_people_name_it() -> None:
    good, bad = decide(wrong=0, champion=False), decide(wrong=40, champion=False)
    said = [
        write_report(verdict, field="component", champion=name, dataset=DATASET).splitlines()[2]
        for verdict in (good, bad)
        for name in ("starter", "keyword", "none")
    ]
    assert said == [
        "It passed all 5 checks and may follow the model that comes with BugFlow.",
        "It passed all 5 checks and may follow the keyword rules.",
        "It passed all 5 checks and is the first.",
        "It failed 1 of 5 checks, so the model that comes with BugFlow will be used on.",
        "It failed 1 of 5 checks, so the keyword rules will be used on.",
        "It failed 1 of 5 checks, so nothing is in use still.",
    ]


@pytest.mark.parametrize("champion", [True, False])
def test_programs_get_the_same(*, champion: bool) -> None:
    verdict = decide(wrong=0, champion=champion)
    told = json.loads(json.dumps(describe_verdict(verdict, champion=CHAMPION, dataset=DATASET, data_hash="ab" * 32)))
    assert (told["passed"], told["n_items"], told["items_by_label"]) == (True, 100, {"a | b": 40, "low": 60})
    assert ("champion" in told["figures"]) is champion
    assert told["figures"]["candidate"]["recalls"] == {"a | b": 1.0, "low": 1.0}
    assert told["figures"]["majority"]["precision"] is None
