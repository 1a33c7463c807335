"""What came of a back-test, for people and programs: counts and shares by field, label, block and contestant."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bugflow.mlops.promotion.gate import Answers, measure


@dataclass(frozen=True, kw_only=True)
class Score:
    """How a contestant did on issues; shares are in [0, 1].

    Attributes:
        right: How often it was sure and right; `right + wrong + left` is `asked`.
        wrong: How often it was sure and wrong.
        left: How often it was not sure, so that people would have decided.
        guessed: How often its best guess was right, sure or not.
        precision: How often it was right where it was sure, with its 95 % interval; none where it never was.
        coverage: How often it was sure.
        accuracy: How often its best guess was right.
    """

    asked: int
    right: int
    wrong: int
    left: int
    guessed: int
    precision: float | None
    precision_interval: tuple[float, float] | None
    coverage: float
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class LabelScore:
    """How one label was found.

    Attributes:
        issues: So many of those that were asked about have it.
        guessed: Of these, how many the best guess found.
        sure: How often it was said for sure, of whatever issue.
        sure_right: How often that was right.
    """

    label: str
    issues: int
    guessed: int
    sure: int
    sure_right: int


@dataclass(frozen=True, kw_only=True)
class BlockScore:
    """One stretch of time.

    Attributes:
        since: When its first issue was filed; what is older has taught.
        until: When its last one was.
        taught: How many labelled issues had been there to learn from.
        silent_because: Why nothing could be learned by then; none where a model has answered.
        majority: How often the label that was most frequent until then is right.
    """

    since: datetime
    until: datetime
    taught: int
    silent_because: str | None
    score: Score
    majority: int


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """What was taken for what: how often for sure, and how often as the best guess, sure or not."""

    truth: str
    said: str
    sure: int
    guessed: int


@dataclass(frozen=True, kw_only=True)
class WrongExample:
    """An issue of which something wrong would have been said for sure, and what in it spoke for that."""

    key: str
    title: str
    truth: str
    said: str
    because: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class InUse:
    """The model in use beside the replayed ones, on those issues that it has not learned from.

    Attributes:
        name: Its version, or `starter`.
        score: None where it has learned from all of them, or may have.
        replayed: How the replayed models did on the same issues.
        left_out: How many issues were not asked about, since it may have learned from them.
    """

    name: str
    score: Score | None
    replayed: Score | None
    left_out: int


@dataclass(frozen=True, kw_only=True)
class FieldResult:
    """What came of one field.

    Attributes:
        labelled: How many issues of the project have it.
        since: When the first issue that was asked about was filed.
        majority: Always the label most frequent until then.
        keywords: The keyword rules, which are never sure; none where there are none for the field.
        by_label: The most frequent first.
        confusions: What costs most first.
        undocumented: Of so many of the issues asked about the changes are not known.
    """

    field: str
    labelled: int
    since: datetime
    until: datetime
    score: Score
    majority: Score
    keywords: Score | None
    in_use: InUse | None
    blocks: tuple[BlockScore, ...]
    by_label: tuple[LabelScore, ...]
    confusions: tuple[Confusion, ...]
    examples: tuple[WrongExample, ...]
    undocumented: int


@dataclass(frozen=True, kw_only=True)
class SkippedField:
    """A field that cannot be told again, and why."""

    field: str
    because: str


def score_answers(truth: NDArray[np.str_], said: Answers) -> Score:
    """Return how a contestant did on at least one issue."""
    figures = measure(truth, said)
    hits = said.labels == truth
    right, sure = int((hits & said.sure).sum()), int(said.sure.sum())
    return Score(
        asked=len(truth),
        right=right,
        wrong=sure - right,
        left=len(truth) - sure,
        guessed=int(hits.sum()),
        precision=figures.precision,
        precision_interval=figures.precision_interval,
        coverage=figures.coverage,
        accuracy=figures.accuracy,
    )


def score_labels(truth: NDArray[np.str_], said: Answers) -> tuple[LabelScore, ...]:
    """Return how each label that occurs was found, the most frequent first."""
    labels, counts = np.unique(truth, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return tuple(_score_label(str(labels[place]), truth, said) for place in order)


def _score_label(label: str, truth: NDArray[np.str_], said: Answers) -> LabelScore:
    is_so, is_said = truth == label, said.labels == label
    return LabelScore(
        label=label,
        issues=int(is_so.sum()),
        guessed=int((is_so & is_said).sum()),
        sure=int((is_said & said.sure).sum()),
        sure_right=int((is_said & said.sure & is_so).sum()),
    )


def list_confusions(truth: NDArray[np.str_], said: Answers, *, most: int = 10) -> tuple[Confusion, ...]:
    """Return what was taken for what: first what was said for sure, since that is acted upon; then mere guesses."""
    missed = (said.labels != truth) & (said.labels != "")
    found: dict[tuple[str, str], list[int]] = {}
    for right, wrong, sure in zip(truth[missed], said.labels[missed], said.sure[missed], strict=True):
        counts = found.setdefault((str(right), str(wrong)), [0, 0])
        counts[0] += bool(sure)
        counts[1] += 1
    ordered = sorted(found.items(), key=lambda each: (-each[1][0], -each[1][1], each[0]))[:most]
    return tuple(Confusion(truth=right, said=wrong, sure=n[0], guessed=n[1]) for (right, wrong), n in ordered)
