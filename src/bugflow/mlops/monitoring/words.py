"""Figures in sentences, for people."""

from bugflow.mlops.monitoring.figures import Figures, Share
from bugflow.mlops.promotion.gate import WRONG_COSTS


def say_share(share: Share, nothing: str) -> str:
    """Return a share with its interval in words, or what is said of nothing."""
    if share.share is None or share.interval is None:
        return nothing
    low, high = share.interval
    return f"{share.count:,} of {share.total:,} ({share.share:.1%}, 95 % interval {low:.1%} to {high:.1%})"


def say_worth(figures: Figures) -> str:
    """Return in a sentence what the sure answers save and cost."""
    n_settled = figures.accuracy.total
    if figures.worth is None or not n_settled:
        return "People have settled none of its answers yet, so nobody can say what they are worth."
    right, wrong = figures.precision.count, figures.precision.total - figures.precision.count
    return (
        f"Of a hundred issues it fills in {right * 100 / n_settled:.1f} rightly and {wrong * 100 / n_settled:.1f} "
        f"wrongly; since a wrong answer takes away as much as {WRONG_COSTS} right ones give, that is worth "
        f"{figures.worth:+.1f} right answers."
    )
