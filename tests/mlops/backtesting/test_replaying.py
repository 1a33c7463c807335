"""A field told again: nothing later is known, and the counts are those of what would have happened."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bugflow.ml.triage.backends import UnknownBackendError
from bugflow.mlops.backtesting.replaying import (
    LEAST_TAUGHT,
    ReplayOptions,
    UsedModel,
    divide_lessons,
    gather_lessons,
    replay_field,
    teach_model,
)
from bugflow.mlops.backtesting.results import FieldResult, Score, SkippedField
from bugflow.mlops.backtesting.stream import FiledIssue
from bugflow.mlops.training.triage import Wishes
from factories.past import FIRST, build_past

OPTIONS = ReplayOptions(last=100, blocks=2, least=10, backend="linear")


def replay(issues: Sequence[FiledIssue], options: ReplayOptions = OPTIONS) -> FieldResult:
    found = replay_field("severity", issues, options, encoder=None)
    assert isinstance(found, FieldResult)
    return found


def relabel(issue: FiledIssue, label: str, *, hours_later: int) -> FiledIssue:
    said = (*issue.said["severity"], (issue.filed_at + timedelta(hours=hours_later), label))
    return replace(issue, said={"severity": said})


def add_up(scores: Sequence[Score]) -> tuple[int, int, int, int]:
    return (
        sum(each.asked for each in scores),
        sum(each.right for each in scores),
        sum(each.wrong for each in scores),
        sum(each.left for each in scores),
    )


def test_what_words_tell_is_found_and_beats_the_most_frequent_label() -> None:
    found = replay(build_past(500))
    assert found.score.asked == 100
    assert found.score.precision is not None
    assert found.score.precision > 0.9
    assert found.score.right > 30
    assert found.score.guessed > found.majority.guessed > 0
    assert found.majority.left == 100
    assert found.keywords is not None
    assert found.keywords.right == found.keywords.wrong == 0


def test_counts_add_up_over_blocks_labels_and_confusions() -> None:
    issues = build_past(500)
    newest = [relabel(each, "high", hours_later=0) if number % 3 == 0 else each for number, each in enumerate(issues)]
    found = replay([*issues[:400], *newest[400:]])
    score = found.score
    assert (score.asked, score.right, score.wrong, score.left) == add_up([block.score for block in found.blocks])
    assert score.right + score.wrong + score.left == score.asked
    assert score.wrong > 0
    assert sum(each.issues for each in found.by_label) == score.asked
    assert sum(each.guessed for each in found.by_label) == score.guessed
    assert sum(each.sure_right for each in found.by_label) == score.right
    assert sum(each.sure for each in found.confusions) == score.wrong
    assert sum(each.guessed for each in found.confusions) == score.asked - score.guessed
    assert [block.taught for block in found.blocks] == [400, 450]


def test_a_label_that_first_appears_later_is_never_said_before() -> None:
    issues = build_past(500)
    newest = [replace(each, said={"severity": ((each.filed_at, "melted"),)}) for each in issues[450:]]
    found = replay([*issues[:450], *newest])
    first, second = found.blocks
    assert second.score.right == second.score.guessed == 0
    assert second.score.asked == 50
    assert first.score.right > 0
    assert next(each for each in found.by_label if each.label == "melted").guessed == 0


def test_changing_a_later_issue_changes_no_earlier_answer() -> None:
    issues = build_past(500)
    changed = [replace(each, lesson=each.report, said={"severity": ((each.filed_at, "low"),)}) for each in issues[460:]]
    before, after = replay(issues), replay([*issues[:460], *changed])
    assert before.blocks[0] == after.blocks[0]
    assert before.blocks[1] != after.blocks[1]


def test_what_people_said_after_a_block_has_begun_does_not_teach_for_it() -> None:
    issues = build_past(500)
    corrected = [relabel(each, "critical", hours_later=1_000) for each in issues[:400]]
    assert replay(issues).blocks == replay([*corrected, *issues[400:]]).blocks
    lessons, labels = gather_lessons("severity", corrected, FIRST + timedelta(hours=401))
    assert len(lessons) == 400
    assert labels == [each.find_label("severity") for each in issues[:400]]
    assert set(gather_lessons("severity", corrected, FIRST + timedelta(hours=2_000))[1]) == {"critical"}


def test_the_truth_is_what_people_said_last() -> None:
    issues = build_past(500)
    first = replay(issues)
    turned = [relabel(each, "corrected", hours_later=1) for each in issues[400:]]
    found = replay([*issues[:400], *turned])
    assert [each.label for each in found.by_label] == ["corrected"]
    assert found.blocks[0].score.wrong == first.blocks[0].score.right + first.blocks[0].score.wrong
    assert found.examples[0].truth == "corrected"
    assert found.examples[0].because


def test_a_field_that_few_issues_have_says_why_it_is_not_told() -> None:
    found = replay_field("severity", build_past(LEAST_TAUGHT - 1), OPTIONS, encoder=None)
    assert isinstance(found, SkippedField)
    assert "99 issues have a severity" in found.because
    assert isinstance(replay_field("team", build_past(500), OPTIONS, encoder=None), SkippedField)


def test_half_of_a_small_past_is_there_to_learn_from() -> None:
    found = replay(build_past(220), replace(OPTIONS, last=500))
    assert found.score.asked == 110
    assert found.blocks[0].taught == 110


def test_blocks_before_which_there_was_too_little_to_learn_are_left_to_people() -> None:
    found = replay(build_past(180), replace(OPTIONS, last=90, blocks=3))
    first, *_, last = found.blocks
    assert first.taught == 90
    assert first.silent_because is not None
    assert first.score.left == first.score.asked
    assert first.score.guessed == first.majority
    assert last.silent_because is None
    assert add_up([block.score for block in found.blocks])[0] == 90


def test_a_field_with_one_label_only_leaves_nothing_to_choose() -> None:
    same = [replace(each, said={"severity": ((each.filed_at, "low"),)}) for each in build_past(300)]
    found = replay_field("severity", same, OPTIONS, encoder=None)
    assert isinstance(found, SkippedField)
    assert "fewer than two labels" in found.because


def test_the_labels_of_what_is_asked_about_are_not_handed_over() -> None:
    issues = build_past(300)
    lessons, labels = gather_lessons("severity", issues[:200], issues[200].filed_at)
    divided = divide_lessons(lessons, labels, [each.report for each in issues[200:]], OPTIONS)
    assert not isinstance(divided, str)
    assert set(divided.test.labels) == {""}
    assert (len(divided.train), len(divided.calibration), len(divided.test)) == (170, 30, 100)


def test_no_more_than_the_newest_issues_teach_where_that_is_wanted() -> None:
    issues = build_past(400)
    lessons, labels = gather_lessons("severity", issues[:300], issues[300].filed_at)
    divided = divide_lessons(lessons, labels, [issues[300].report], replace(OPTIONS, most_taught=150))
    assert not isinstance(divided, str)
    assert divided.train.reports[0] == issues[150].report
    assert len(divided.join_seen()) == 150


def test_a_model_in_use_is_asked_only_about_what_it_cannot_have_learned_from() -> None:
    issues = build_past(500)
    lessons, labels = gather_lessons("severity", issues[:400], issues[400].filed_at)
    divided = divide_lessons(lessons, labels, [issues[400].report], OPTIONS)
    assert not isinstance(divided, str)
    model = teach_model("severity", divided, OPTIONS)
    moment = issues[460].filed_at
    used = UsedModel(name="own", model=model, may_have_learned=lambda issue: issue.filed_at < moment)
    found = replay_field("severity", issues, OPTIONS, encoder=None, used=used)
    assert isinstance(found, FieldResult)
    assert found.in_use is not None
    assert found.in_use.score is not None
    assert found.in_use.replayed is not None
    assert (found.in_use.score.asked, found.in_use.replayed.asked, found.in_use.left_out) == (40, 40, 60)
    assert found.in_use.score.right > 10
    knowing = replace(used, may_have_learned=lambda _: True)
    silent = replay_field("severity", issues, OPTIONS, encoder=None, used=knowing)
    assert isinstance(silent, FieldResult)
    assert silent.in_use is not None
    assert silent.in_use.score is None
    assert silent.in_use.left_out == 100


def test_a_back_end_that_cannot_be_made_is_refused() -> None:
    with pytest.raises(UnknownBackendError, match="cannot be tried"):
        replay_field("severity", build_past(300), replace(OPTIONS, backend="majority"), encoder=None)
    assert OPTIONS.precision == Wishes().precision
