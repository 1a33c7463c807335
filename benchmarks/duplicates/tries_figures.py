"""Two ways to find the older report, asked about the same duplicates: figures of both, and whether they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.evaluating import Ranks, Trial
from bugflow.ml.evaluation import MIDDLE, RESAMPLES, compare_paired


@dataclass(frozen=True)
class Difference:
    """By how much a share of queries differs.

    Attributes:
        before: The share with what is kept, in [0, 1].
        after: And with what is tried.
        low: Of the 95 % interval of the difference, by bootstrap over the queries.
        high: And its end.
        p_value: How probable a difference as large is by chance: McNemar's, two-sided.
    """

    before: float
    after: float
    low: float
    high: float
    p_value: float

    def __str__(self) -> str:
        """Return all of it in one line."""
        return (
            f"{self.before:.3f} to {self.after:.3f} ({self.after - self.before:+.3f}, "
            f"{self.low:+.3f} to {self.high:+.3f}, p {self.p_value:.2g})"
        )


def compare_shares(before: NDArray[np.bool_], after: NDArray[np.bool_], *, seed: int = 0) -> Difference:
    """Return how two shares of the same queries differ."""
    gains = after.astype(np.float64) - before
    low, high = np.percentile(_resample(gains, seed), MIDDLE)
    return Difference(float(before.mean()), float(after.mean()), float(low), float(high), compare_paired(after, before))


def describe_ranks(ranks: Sequence[int] | Ranks) -> str:
    """Return recalls and MRR; a rank says how many others stand before the first right one."""
    trial = Trial("", np.asarray(ranks, dtype=np.int64), 0.0)
    recalls = "  ".join(f"R@{cut} {trial.recall(cut):.3f}" for cut in (1, 10))
    return f"{recalls}  MRR {trial.mrr():.3f}"


def print_ranks(name: str, before: Sequence[int] | Ranks, after: Sequence[int] | Ranks) -> None:
    """Print what came of a try beside what is kept."""
    kept, tried = (np.asarray(each, dtype=np.int64) for each in (before, after))
    print(f"  {name}: kept {describe_ranks(kept)}; tried {describe_ranks(tried)}")
    for cut in (1, 10):
        print(f"    R@{cut} {compare_shares(kept < cut, tried < cut)}", flush=True)


def _resample(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    rows = (generator.integers(0, len(values), len(values)) for _ in range(RESAMPLES))
    return np.array([values[some].mean() for some in rows])
