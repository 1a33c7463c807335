"""Whether a candidate may follow the model in use: what both say of the same items, check by check."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.evaluation import compare_label, compare_paired_means, share_interval

WRONG_COSTS = 1.75
"""What a wrong sure answer takes away, where a right one gives 1 and silence nothing: somebody has to find it."""
LEAST_SPOKEN = 10
"""Of fewer sure answers nobody can say whether nine in ten are right."""


@dataclass(frozen=True)
class Answers:
    """What a model said of items, in their order; both of shape (items,).

    Attributes:
        labels: Its best guess; empty where it had none.
        sure: Whether it was sure enough to fill it in.
    """

    labels: NDArray[np.str_]
    sure: NDArray[np.bool_]

    @classmethod
    def always(cls, label: str, count: int) -> "Answers":
        """Return those of a model that always guesses the same and is never sure."""
        return cls(np.full(count, label), np.zeros(count, dtype=np.bool_))


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What a candidate has to fulfil.

    Attributes:
        least_items: On fewer items nothing is decided.
        precision: So many of the sure answers must be right, in [0, 1].
        coverage_lost: So much less than the model in use it may be sure about, in [0, 1].
        chance: A difference less probable than this by chance alone counts.
        floors: Which share of a label's items must be found, by label, where the model in use finds as many.
        f1_lost: So much worse than the model in use it may find a label, beyond what may be chance; by F1, since one
            that says it of everything finds all of its items.
        least_of_label: A label with fewer items is not looked at by itself.
    """

    least_items: int = 50
    precision: float = 0.9
    coverage_lost: float = 0.02
    chance: float = 0.05
    floors: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    f1_lost: float = 0.05
    least_of_label: int = 10


@dataclass(frozen=True)
class Figures:
    """How good answers were; shares in [0, 1].

    Attributes:
        accuracy: Of the best guesses; with its 95 % interval (Wilson).
        coverage: How often it was sure.
        precision: How often it was right where it was sure; none where it never was. With its interval.
        worth: What its sure answers are worth for each item: 1 for a right one, -1.75 for a wrong one.
        recalls: By label, which share of its items was found.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("best guess right (95 %)", "sure about", "right where sure (95 %)", "worth of an issue"),
    )

    accuracy: float
    accuracy_interval: tuple[float, float]
    coverage: float
    precision: float | None
    precision_interval: tuple[float, float] | None
    worth: float
    recalls: Mapping[str, float]

    def show(self) -> tuple[str, ...]:
        """Return the cells of its row in a report."""
        right = "never sure"
        if self.precision is not None and self.precision_interval is not None:
            right = f"{self.precision:.1%} ({show_interval(self.precision_interval)})"
        accuracy = f"{self.accuracy:.1%} ({show_interval(self.accuracy_interval)})"
        return accuracy, f"{self.coverage:.1%}", right, f"{self.worth:+.3f}"

    def describe(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "coverage": self.coverage,
            "precision": self.precision,
            "precision_interval": None if self.precision_interval is None else list(self.precision_interval),
            "worth": self.worth,
            "recalls": dict(self.recalls),
        }


def show_interval(interval: tuple[float, float]) -> str:
    """Return an interval of a share for people."""
    low, high = interval
    return f"{low:.1%} to {high:.1%}"


@dataclass(frozen=True)
class Check:
    """One thing that was asked of a candidate.

    Attributes:
        says: A sentence with the figures, for people.
    """

    name: str
    passed: bool
    says: str


@dataclass(frozen=True)
class Verdict:
    """What came of a candidate.

    Attributes:
        figures: Of the candidate, of the model in use and of baselines, by name.
        supports: How many items each label has.
    """

    n_items: int
    checks: tuple[Check, ...]
    figures: Mapping[str, Figures]
    supports: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Whether it may follow."""
        return all(check.passed for check in self.checks)


CANDIDATE, CHAMPION, MAJORITY, BM25 = "candidate", "champion", "majority", "bm25"


def judge(
    truth: Sequence[str],
    candidate: Answers,
    *,
    champion: Answers | None,
    baselines: Mapping[str, Answers],
    demands: Demands | None = None,
) -> Verdict:
    """Return whether a candidate may follow the model in use.

    Args:
        truth: What people said of each item; none of them has taught either model.
        candidate: What it said.
        champion: What the model in use said; none where there is none, and rules answer.
        baselines: What simple means said, by name; one of them is the majority's.
        demands: What it has to fulfil.
    """
    demands = demands or Demands()
    right = np.array(truth, dtype=np.str_)
    contestants = {CANDIDATE: candidate, **({} if champion is None else {CHAMPION: champion}), **baselines}
    figures = {name: measure(right, said) for name, said in contestants.items()} if len(right) else {}
    labels, counts = np.unique(right, return_counts=True)
    supports = dict(zip(labels.tolist(), counts.tolist(), strict=True))
    checks = [_check_items(len(right), demands)]
    if len(right):
        checks += [_check_majority(figures), _check_precision(right, candidate, figures[CANDIDATE], demands)]
        if champion is not None:
            checks += [_check_coverage(figures, demands), _check_worth(right, candidate, champion, figures, demands)]
        checks += _check_labels(right, candidate, champion, supports, demands)
    return Verdict(len(right), tuple(checks), figures, supports)


def measure(truth: NDArray[np.str_], said: Answers) -> Figures:
    """Return how good answers were, of at least one item."""
    right = said.labels == truth
    n_sure, n_right = int(said.sure.sum()), int((right & said.sure).sum())
    return Figures(
        accuracy=float(right.mean()),
        accuracy_interval=share_interval(int(right.sum()), len(right)),
        coverage=n_sure / len(right),
        precision=n_right / n_sure if n_sure else None,
        precision_interval=share_interval(n_right, n_sure) if n_sure else None,
        worth=float(_weigh(truth, said).mean()),
        recalls={label: float(right[truth == label].mean()) for label in np.unique(truth).tolist()},
    )


def _weigh(truth: NDArray[np.str_], said: Answers) -> NDArray[np.float64]:
    """Return what each answer is worth."""
    return np.where(said.sure, np.where(said.labels == truth, 1.0, -WRONG_COSTS), 0.0)


def _check_items(count: int, demands: Demands) -> Check:
    passed = count >= demands.least_items
    needed = "" if passed else f" At least {demands.least_items} are needed; it is tried again when there are more."
    return Check("items", passed, f"It was tried on {count:,} items that have taught no model.{needed}")


def _check_majority(figures: Mapping[str, Figures]) -> Check:
    own, bar = figures[CANDIDATE].accuracy, figures[MAJORITY].accuracy
    return Check(
        "majority",
        own >= bar,
        f"Its best guess is right for {own:.1%} of the items; always guessing the most frequent label, for {bar:.1%}.",
    )


def _check_precision(truth: NDArray[np.str_], said: Answers, figures: Figures, demands: Demands) -> Check:
    n_sure = int(said.sure.sum())
    n_right = int((said.sure & (said.labels == truth)).sum())
    if n_sure < LEAST_SPOKEN:
        return Check("precision", True, f"It is sure about {n_sure} items only, too few to say how often it is right.")
    low, high = figures.precision_interval or (0.0, 1.0)
    return Check(
        "precision",
        n_right >= demands.precision * n_sure,
        f"Where it is sure, it is right {n_right:,} times of {n_sure:,} ({n_right / n_sure:.1%}, 95 % interval "
        f"{low:.1%} to {high:.1%}); {demands.precision:.0%} are wanted.",
    )


def _check_coverage(figures: Mapping[str, Figures], demands: Demands) -> Check:
    own, other = figures[CANDIDATE].coverage, figures[CHAMPION].coverage
    return Check(
        "coverage",
        own >= other - demands.coverage_lost,
        f"It is sure about {own:.1%} of the items, the model in use about {other:.1%}.",
    )


def _check_worth(
    truth: NDArray[np.str_], candidate: Answers, champion: Answers, figures: Mapping[str, Figures], demands: Demands
) -> Check:
    if not (candidate.sure.any() or champion.sure.any()):
        return Check("worth", True, "Neither it nor the model in use is sure about any of the items.")
    chance = compare_paired_means(_weigh(truth, candidate), _weigh(truth, champion))
    own, other = figures[CANDIDATE].worth, figures[CHAMPION].worth
    return Check(
        "worth",
        own >= other or chance >= demands.chance,
        f"A sure answer that is right counts 1, a wrong one -{WRONG_COSTS}: that makes {own:+.3f} for each item, and "
        f"{other:+.3f} for the model in use. By chance alone a difference as large has a probability of {chance:.2g}.",
    )


def _check_labels(
    truth: NDArray[np.str_],
    candidate: Answers,
    champion: Answers | None,
    supports: Mapping[str, int],
    demands: Demands,
) -> list[Check]:
    """Return a check for each label that has enough items."""
    return [
        _check_label(truth, candidate, champion, label, demands)
        for label, count in supports.items()
        if count >= demands.least_of_label
    ]


def _check_label(
    truth: NDArray[np.str_], candidate: Answers, champion: Answers | None, label: str, demands: Demands
) -> Check:
    of_label, said = truth == label, candidate.labels == label
    own, count = float(said[of_label].mean()), int(of_label.sum())
    says = f"Of {count:,} items that are {label!r} it finds {own:.1%}"
    floor, passed = demands.floors.get(label), True
    if champion is not None:
        other_said = champion.labels == label
        other = float(other_said[of_label].mean())
        f1, other_f1, chance = compare_label(said, other_said, of_label)
        passed = f1 >= other_f1 - demands.f1_lost or chance >= demands.chance
        says += f", the model in use {other:.1%}; by how often they are right about it, too (F1), {f1:.2f} and "
        says += f"{other_f1:.2f}"
        floor = None if floor is None else min(floor, other)
    if floor is not None:
        passed = passed and own >= floor
        says += f"; at least {floor:.1%} are to be found"
    return Check(f"label:{label}", passed, f"{says}.")
