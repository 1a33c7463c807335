"""Whether a new ranking of duplicates may follow the one in use: what both say of the same reports, check by check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.trying import Tried
from bugflow.ml.evaluation import (
    compare_paired_means,
    compare_precision,
    mean_interval,
    share_interval,
)
from bugflow.mlops.promotion.gate import (
    BM25,
    CANDIDATE,
    CHAMPION,
    LEAST_SPOKEN,
    WRONG_COSTS,
    Check,
    Demands,
    show_interval,
)

LEAST_TRIED = 30
"""On fewer duplicates nothing is decided; they are rarer than labels."""
RECALL_LOST = 0.01
"""So much less often than with the ranking in use the older report may be among the first ten."""
CUTS = (1, 5, 10)
_FIRST_PAGE = CUTS[-1]
"""So many candidates are shown."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class RankingFigures:
    """How good a ranking is; shares in [0, 1], each with its 95 % interval.

    Attributes:
        recalls: By cut, how often the older report is among so many (Wilson).
        mrr: Mean of 1 / place of the older report, 0 where it is not found (bootstrap).
        n_flagged: How many duplicates were flagged.
        precision: How often the flagged report was the right one (Wilson); none where none was flagged.
        flag_recall: Of all duplicates, for how many the right one was flagged.
        alarms: Of the reports that are bugs of their own, how many were flagged (Wilson); none where there are none.
        worth: What the flag is worth for each report, bugs of their own among them: 1 where it is right, else -1.75.
    """

    columns: ClassVar[tuple[str, ...]] = (
        *("first (95 %)", "among 5", "among 10 (95 %)", "MRR (95 %)"),
        *("flag is right (95 %)", "duplicates flagged rightly", "others flagged", "worth of a report"),
    )

    recalls: Mapping[int, tuple[float, Interval]]
    mrr: tuple[float, Interval]
    n_flagged: int
    precision: tuple[float, Interval] | None
    flag_recall: float
    alarms: tuple[float, Interval] | None
    worth: float

    def show(self) -> tuple[str, ...]:
        """Return the cells of its row in a report."""
        mrr, (low, high) = self.mrr
        return (
            _show(self.recalls[1]),
            f"{self.recalls[5][0]:.1%}",
            _show(self.recalls[_FIRST_PAGE]),
            f"{mrr:.3f} ({low:.3f} to {high:.3f})",
            "never flags" if self.precision is None else f"{_show(self.precision)} of {self.n_flagged:,}",
            f"{self.flag_recall:.1%}",
            "none were asked" if self.alarms is None else f"{self.alarms[0]:.1%}",
            f"{self.worth:+.3f}",
        )

    def describe(self) -> dict[str, Any]:
        """Return it for programs."""
        recalls = {f"recall_at_{cut}": share for cut, (share, _) in self.recalls.items()}
        intervals = {f"recall_at_{cut}_interval": list(interval) for cut, (_, interval) in self.recalls.items()}
        return {
            **recalls,
            **intervals,
            **_describe("mrr", self.mrr),
            "n_flagged": self.n_flagged,
            **_describe("flag_precision", self.precision),
            "flag_recall": self.flag_recall,
            **_describe("false_alarms", self.alarms),
            "worth": self.worth,
        }


@dataclass(frozen=True)
class RankingVerdict:
    """What came of a new ranking.

    Attributes:
        n_items: How many duplicates it was tried on.
        figures: Of the candidate, of the one in use and of BM25, by name.
        supports: How many reports were asked about: duplicates, and bugs of their own.
    """

    n_items: int
    checks: tuple[Check, ...]
    figures: Mapping[str, RankingFigures]
    supports: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Whether it may follow."""
        return all(check.passed for check in self.checks)


def judge_ranking(candidate: Tried, champion: Tried, bm25: Tried, demands: Demands) -> RankingVerdict:
    """Return whether a candidate may follow the ranking in use; all three were asked about the same reports.

    Args:
        candidate: What it said.
        champion: What the ranking in use said.
        bm25: What BM25 said.
        demands: Of these the precision and what counts as chance; labels are none here.
    """
    n_items = len(candidate.ranks)
    supports = {"duplicates": n_items, "bugs of their own": len(candidate.alarms)}
    checks = [_check_items(n_items)]
    if not n_items:
        return RankingVerdict(n_items, tuple(checks), {}, supports)
    contestants = {CANDIDATE: candidate, CHAMPION: champion, BM25: bm25}
    figures = {name: measure_ranking(said) for name, said in contestants.items()}
    checks += [
        _check_mrr(candidate, champion, figures, demands),
        _check_recall(figures),
        _check_bm25(figures),
        _check_precision(candidate, figures[CANDIDATE], demands),
        _check_flag(candidate, champion, figures, demands),
        _check_worth(candidate, champion, figures, demands),
    ]
    return RankingVerdict(n_items, tuple(checks), figures, supports)


def measure_ranking(said: Tried) -> RankingFigures:
    """Return how good a ranking was, of at least one duplicate."""
    gains, hits = said.gains, said.flagged & said.right
    return RankingFigures(
        recalls={cut: _share(said.ranks < cut) for cut in CUTS},
        mrr=(float(gains.mean()), mean_interval(gains)),
        n_flagged=int(said.flagged.sum()),
        precision=_share(said.right[said.flagged]) if said.flagged.any() else None,
        flag_recall=float(hits.mean()),
        alarms=_share(said.alarms) if len(said.alarms) else None,
        worth=float(_weigh(said).mean()),
    )


def _share(found: NDArray[np.bool_]) -> tuple[float, Interval]:
    return float(found.mean()), share_interval(int(found.sum()), len(found))


def _show(measured: tuple[float, Interval]) -> str:
    share, interval = measured
    return f"{share:.1%} ({show_interval(interval)})"


def _describe(name: str, measured: tuple[float, Interval] | None) -> dict[str, Any]:
    value, interval = (None, None) if measured is None else (measured[0], list(measured[1]))
    return {name: value, f"{name}_interval": interval}


def _check_items(count: int) -> Check:
    passed = count >= LEAST_TRIED
    needed = "" if passed else f" At least {LEAST_TRIED} are needed; it is tried again when there are more."
    return Check("items", passed, f"It was tried on {count:,} duplicates of bugs that have taught no ranking.{needed}")


def _check_mrr(candidate: Tried, champion: Tried, figures: Mapping[str, RankingFigures], demands: Demands) -> Check:
    chance = compare_paired_means(candidate.gains, champion.gains)
    own, other = figures[CANDIDATE].mrr[0], figures[CHAMPION].mrr[0]
    return Check(
        "mrr",
        own >= other or chance >= demands.chance,
        f"1 / place of the older report is {own:.3f} on average, with the ranking in use {other:.3f}. By chance alone "
        f"a difference as large has a probability of {chance:.2g}.",
    )


def _check_recall(figures: Mapping[str, RankingFigures]) -> Check:
    own, other = (figures[name].recalls[_FIRST_PAGE][0] for name in (CANDIDATE, CHAMPION))
    return Check(
        "recall",
        own >= other - RECALL_LOST,
        f"The older report is among the first ten for {own:.1%} of the duplicates, with the ranking in use for "
        f"{other:.1%}; one point less is let through.",
    )


def _check_bm25(figures: Mapping[str, RankingFigures]) -> Check:
    own, bar = figures[CANDIDATE].mrr[0], figures[BM25].mrr[0]
    return Check("bm25", own >= bar, f"BM25, which knows nothing but words, reaches {bar:.3f} where it has {own:.3f}.")


def _check_precision(candidate: Tried, figures: RankingFigures, demands: Demands) -> Check:
    n_right = int((candidate.flagged & candidate.right).sum())
    if figures.precision is None or figures.n_flagged < LEAST_SPOKEN:
        said = f"It flags {figures.n_flagged} of the duplicates only, too few to say how often it is right."
        return Check("flag", True, said)
    share, interval = figures.precision
    return Check(
        "flag",
        n_right >= demands.precision * figures.n_flagged,
        f"Where it says that it is the same bug, that is so {n_right:,} times of {figures.n_flagged:,} ({share:.1%}, "
        f"95 % interval {show_interval(interval)}); {demands.precision:.0%} are wanted.",
    )


def _check_flag(candidate: Tried, champion: Tried, figures: Mapping[str, RankingFigures], demands: Demands) -> Check:
    own, other = figures[CANDIDATE].precision, figures[CHAMPION].precision
    if own is None or other is None:
        return Check("flag_in_use", True, "It or the ranking in use flags none of the duplicates.")
    chance = compare_precision(candidate.flagged, candidate.right, champion.flagged, champion.right)
    found, other_found = (figures[name].flag_recall for name in (CANDIDATE, CHAMPION))
    return Check(
        "flag_in_use",
        own[0] >= other[0] or chance >= demands.chance,
        f"Its flag is right {own[0]:.1%} of the time, that of the ranking in use {other[0]:.1%}; it flags "
        f"{found:.1%} of the duplicates rightly, that one {other_found:.1%}.",
    )


def _weigh(said: Tried) -> NDArray[np.float64]:
    """Return what the flag of each report is worth, those that are bugs of their own last."""
    of_duplicates = np.where(said.flagged, np.where(said.right, 1.0, -WRONG_COSTS), 0.0)
    return np.concatenate([of_duplicates, np.where(said.alarms, -WRONG_COSTS, 0.0)])


def _check_worth(candidate: Tried, champion: Tried, figures: Mapping[str, RankingFigures], demands: Demands) -> Check:
    chance = compare_paired_means(_weigh(candidate), _weigh(champion))
    own, other = figures[CANDIDATE].worth, figures[CHAMPION].worth
    return Check(
        "worth",
        own >= other or chance >= demands.chance,
        f"It flags {candidate.alarms.sum():,} of {len(candidate.alarms):,} reports that were fixed by themselves or of "
        f"which somebody said that they are no duplicates, the ranking in use {champion.alarms.sum():,}. A flag that "
        f"is right counts 1, every other -{WRONG_COSTS}: that makes {own:+.3f} for each report, and {other:+.3f} with "
        f"the ranking in use. By chance alone a difference as large has a probability of {chance:.2g}.",
    )
