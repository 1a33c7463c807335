"""A field told again block by block: before each a model learns from all that is older, and no later word is read."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import TARGET_PRECISION
from bugflow.ml.contract import Encoder, Report
from bugflow.ml.triage.backends import UnknownBackendError, Workshop, choose_default, list_backends
from bugflow.ml.triage.examples import CALIBRATION_SHARE, Examples, Partition, Target
from bugflow.ml.triage.model import TriageModel
from bugflow.ml.triage.training import build_model, try_learners
from bugflow.mlops.backtesting.results import (
    BlockScore,
    FieldResult,
    InUse,
    SkippedField,
    WrongExample,
    list_confusions,
    score_answers,
    score_labels,
)
from bugflow.mlops.backtesting.stream import FiledIssue
from bugflow.mlops.promotion.answers import ask_model, ask_rules
from bugflow.mlops.promotion.gate import Answers
from bugflow.mlops.serving.judging import hide_field

LEAST_TAUGHT = 100
"""Of fewer labelled issues a model learns next to nothing, and would never be sure."""
REPLAYED_SHARE = 0.5
"""Of all labelled issues, at most: the others are there to learn from."""
EXAMPLES, EXAMPLES_OF_BLOCK, REASONS = 10, 3, 5

Tell = Callable[[float, str], None]
"""Called with the share of the work that is done, in [0, 1], and what is done next."""


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """How the past is told again.

    Attributes:
        last: So many of the newest labelled issues are asked about, at most half of all.
        blocks: Into so many stretches of as many issues each they are cut; before each a model learns.
        least: Labels of fewer issues are not learned.
        most_taught: A model learns from so many issues at most, the newest.
        precision: How often a model is to be right where it is sure, in (0, 1].
        backend: As trainings have them; none for the one that they choose by themselves.
        seed: Of all that is random.
    """

    last: int = 500
    blocks: int = 5
    least: int = 20
    most_taught: int = 10_000
    precision: float = TARGET_PRECISION
    backend: str | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class UsedModel:
    """A model that is in use now.

    Attributes:
        may_have_learned: Whether it may have learned from an issue: then it cannot be asked about it.
    """

    name: str
    model: TriageModel
    may_have_learned: Callable[[FiledIssue], bool]


@dataclass(frozen=True)
class _Told:
    """One block: its issues and what each contestant said of them."""

    issues: Sequence[FiledIssue]
    truth: NDArray[np.str_]
    taught: int
    silent_because: str | None
    replayed: Answers
    majority: Answers
    rules: Answers | None
    used: Answers | None
    examples: tuple[WrongExample, ...]


def replay_field(
    target: Target,
    issues: Sequence[FiledIssue],
    options: ReplayOptions,
    *,
    encoder: Encoder | None,
    used: UsedModel | None = None,
    tell: Tell = lambda _done, _note: None,
) -> FieldResult | SkippedField:
    """Return how a field would have been found in the newest issues, or why that cannot be told.

    Before each block a model learns from the issues filed before its first one, with the labels that people had given
    by then, as trainings do it: the newest of them calibrate and choose from where on it is sure. It is asked about the
    block's issues as they were filed; the truth is what people said last.

    Args:
        target: The field.
        issues: Of a project, the oldest first.
        options: How the past is told again.
        encoder: None where there is none.
        used: The model in use, to be asked about what it cannot have learned from.
        tell: Is called before each block.

    Raises:
        UnknownBackendError: There is no such back-end for the field.
    """
    labelled = [each for each in issues if each.find_label(target) is not None]
    if len(labelled) < LEAST_TAUGHT:
        return SkippedField(field=target, because=_count_labelled(target, len(labelled)))
    asked = labelled[-max(1, min(options.last, round(len(labelled) * REPLAYED_SHARE))) :]
    told: list[_Told] = []
    blocks = [block.tolist() for block in np.array_split(np.arange(len(asked)), options.blocks) if len(block)]
    for number, block in enumerate(blocks):
        tell(number / len(blocks), f"{target.capitalize()}: block {number + 1} of {len(blocks)}")
        told.append(_tell_block(target, issues, [asked[row] for row in block], options, encoder=encoder, used=used))
    if all(each.silent_because is not None for each in told):
        return SkippedField(field=target, because=told[-1].silent_because or "")
    return _summarise(target, told, labelled=len(labelled), used=used)


def _count_labelled(target: str, count: int) -> str:
    return (
        f"{count:,} issues have a {target} that a person set or confirmed, and {LEAST_TAUGHT} are needed before a "
        "model learns anything from them."
    )


def _tell_block(
    target: Target,
    issues: Sequence[FiledIssue],
    block: Sequence[FiledIssue],
    options: ReplayOptions,
    *,
    encoder: Encoder | None,
    used: UsedModel | None,
) -> _Told:
    moment = block[0].filed_at
    lessons, labels = gather_lessons(target, issues, moment)
    possible, reports = sorted(set(labels)), [each.report for each in block]
    truth = np.array([each.find_label(target) for each in block], dtype=np.str_)
    majority = Answers.always(Counter(labels).most_common(1)[0][0] if labels else "", len(block))
    divided = divide_lessons(lessons, labels, reports, options)
    model = None if isinstance(divided, str) else teach_model(target, divided, options, encoder=encoder)
    replayed = majority if model is None else ask_model(model, reports, possible)
    return _Told(
        issues=block,
        truth=truth,
        taught=len(lessons),
        silent_because=divided if isinstance(divided, str) else None,
        replayed=replayed,
        majority=majority,
        rules=ask_rules(target, reports, possible),
        used=None if used is None else ask_model(used.model, reports, possible),
        examples=() if model is None else tuple(_explain_wrong(model, block, truth, replayed)),
    )


def gather_lessons(target: Target, issues: Sequence[FiledIssue], moment: datetime) -> tuple[list[Report], list[str]]:
    """Return what could be learned from at a moment: reports filed before it, with their labels as of then."""
    lessons: list[Report] = []
    labels: list[str] = []
    for each in issues:
        label = each.find_label(target, at=moment) if each.filed_at < moment else None
        if label is not None and each.lesson is not None:
            lessons.append(hide_field(each.lesson, target))
            labels.append(label)
    return lessons, labels


def divide_lessons(
    lessons: Sequence[Report], labels: Sequence[str], asked: Sequence[Report], options: ReplayOptions
) -> Partition | str:
    """Return what trains, what calibrates and what is asked about, without its labels; or why nothing is learned.

    Args:
        lessons: The oldest first.
        labels: Of the lessons.
        asked: At least one.
        options: How the past is told again.
    """
    if len(lessons) < LEAST_TAUGHT:
        return f"{len(lessons):,} labelled issues had been filed by then; {LEAST_TAUGHT} are needed to learn anything."
    newest = Examples(tuple(lessons[-options.most_taught :]), tuple(labels[-options.most_taught :]))
    counts = Counter(newest.labels)
    rows = np.array([row for row, label in enumerate(newest.labels) if counts[label] >= options.least], dtype=np.int_)
    cut = len(rows) - round(len(rows) * CALIBRATION_SHARE)
    train, calibration = newest.take(rows[:cut]), newest.take(rows[cut:])
    if len(set(train.labels)) < 2:  # noqa: PLR2004 -- One label leaves nothing to choose.
        return f"By then fewer than two labels had {options.least} issues, so that there was nothing to choose."
    return Partition(train, calibration, Examples(tuple(asked), ("",) * len(asked)), "time")


def teach_model(
    target: Target, data: Partition, options: ReplayOptions, *, encoder: Encoder | None = None
) -> TriageModel:
    """Return what trainings would have made of the lessons.

    Raises:
        UnknownBackendError: There is no such back-end for the field.
    """
    learners = Workshop(encoder=encoder, seed=options.seed).list_members(target, data.train.labels)
    backends = list_backends(list(learners))
    name = options.backend or choose_default(backends)
    if name not in backends:
        raise UnknownBackendError(name, list(backends))
    tried = try_learners(backends[name], learners, data)
    return build_model(target, tried, data, precision=options.precision)


def _explain_wrong(
    model: TriageModel, block: Sequence[FiledIssue], truth: NDArray[np.str_], said: Answers
) -> list[WrongExample]:
    rows = np.flatnonzero(said.sure & (said.labels != truth))[:EXAMPLES_OF_BLOCK]
    return [_explain(model, block[row], truth=str(truth[row]), said=str(said.labels[row])) for row in rows.tolist()]


def _explain(model: TriageModel, issue: FiledIssue, *, truth: str, said: str) -> WrongExample:
    reasons = model.explain(hide_field(issue.report, model.target), said, most=2 * REASONS)
    because = tuple(each.what for each in reasons if each.weight > 0)[:REASONS]
    return WrongExample(key=issue.key, title=issue.report.title, truth=truth, said=said, because=because)


def _join(parts: Sequence[Answers]) -> Answers:
    return Answers(np.concatenate([each.labels for each in parts]), np.concatenate([each.sure for each in parts]))


def _summarise(target: Target, told: Sequence[_Told], *, labelled: int, used: UsedModel | None) -> FieldResult:
    issues = [each for block in told for each in block.issues]
    truth, replayed = np.concatenate([each.truth for each in told]), _join([each.replayed for each in told])
    rules = [each.rules for each in told if each.rules is not None]
    return FieldResult(
        field=target,
        labelled=labelled,
        since=issues[0].filed_at,
        until=issues[-1].filed_at,
        score=score_answers(truth, replayed),
        majority=score_answers(truth, _join([each.majority for each in told])),
        keywords=score_answers(truth, _join(rules)) if rules else None,
        in_use=None if used is None else _judge_used(used, issues, truth, replayed, told),
        blocks=tuple(_score_block(each) for each in told),
        by_label=score_labels(truth, replayed),
        confusions=list_confusions(truth, replayed),
        examples=tuple(example for each in told for example in each.examples)[-EXAMPLES:],
        undocumented=sum(not each.is_documented for each in issues),
    )


def _judge_used(
    used: UsedModel, issues: Sequence[FiledIssue], truth: NDArray[np.str_], replayed: Answers, told: Sequence[_Told]
) -> InUse:
    fresh = np.array([not used.may_have_learned(each) for each in issues], dtype=np.bool_)
    said = _join([each.used for each in told if each.used is not None])
    left_out = int((~fresh).sum())
    if not fresh.any():
        return InUse(name=used.name, score=None, replayed=None, left_out=left_out)
    own, other = (
        score_answers(truth[fresh], Answers(each.labels[fresh], each.sure[fresh])) for each in (said, replayed)
    )
    return InUse(name=used.name, score=own, replayed=other, left_out=left_out)


def _score_block(block: _Told) -> BlockScore:
    return BlockScore(
        since=block.issues[0].filed_at,
        until=block.issues[-1].filed_at,
        taught=block.taught,
        silent_because=block.silent_because,
        score=score_answers(block.truth, block.replayed),
        majority=int((block.majority.labels == block.truth).sum()),
    )
