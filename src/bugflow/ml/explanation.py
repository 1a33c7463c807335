"""Reasons of a prediction that a person can read."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.contract import Reason

SMALLEST_WEIGHT = 0.01
"""A reason that changes the odds by less than a hundredth is none."""
_SMALLEST_SHARE = 1e-6


def choose_reasons(reasons: Iterable[Reason], *, most: int) -> tuple[Reason, ...]:
    """Return the weightiest reasons for and against, the weightiest first, at most so many."""
    worth = [reason for reason in reasons if abs(reason.weight) >= SMALLEST_WEIGHT]
    return tuple(sorted(worth, key=lambda reason: (-abs(reason.weight), reason.what))[:most])


def weigh_omissions(
    parts: Sequence[str], share: float, shares_without: NDArray[np.float64], *, most: int
) -> tuple[Reason, ...]:
    """Return by how much a label becomes less probable when a part of a text is left out.

    Source: Zeiler, Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, for parts of a picture.

    Args:
        parts: Of the text.
        share: The label's probability with all of them, in [0, 1].
        shares_without: Its probability without each, shape (parts,).
        most: How many reasons at most.
    """
    with_all, without = _log_odds(np.array([share])), _log_odds(np.asarray(shares_without))
    weights = (with_all - without).tolist()
    return choose_reasons((Reason("word", part, each) for part, each in zip(parts, weights, strict=True)), most=most)


def _log_odds(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(shares, _SMALLEST_SHARE, 1 - _SMALLEST_SHARE)
    return np.asarray(np.log(clipped / (1 - clipped)))
