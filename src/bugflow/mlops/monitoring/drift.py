"""Whether what is reported now is still like what was reported before: labels, lengths and words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bugflow.mlops.monitoring.figures import Scope
from bugflow.mlops.monitoring.labels import count_labels
from bugflow.tracker.issues.tables import Issue

REFERENCE = timedelta(days=365)
"""What was filed so long before the window is what it is compared with."""
FAR = 0.1
"""From this distance on something has drifted; capymoa's detector of the same distance has it as its default."""
CHANCE = 0.01
"""A distance that chance alone makes more often than this is none: of few issues every distance is large."""
PERMUTATIONS = 999
MOST_TEXTS = 500
"""So many texts of the window are read, and twice as many from before it."""
LONGEST_TEXT = 2_000
N_BINS = 10
DIGITS = 3
_WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class Drift:
    """How far two distributions are from each other.

    Attributes:
        distance: Jensen-Shannon, base 2, in [0, 1]; none where one side is empty.
        chance: How probable a distance as large is if nothing has changed (permutation test).
        n_window: How many there are in the window, `n_reference` before it.
        window: The share of each value in the window, `reference` before it.
    """

    what: str
    distance: float | None
    chance: float
    n_window: int
    n_reference: int
    window: Mapping[str, float]
    reference: Mapping[str, float]

    @property
    def drifted(self) -> bool:
        """Whether it is far, and not by chance."""
        return self.distance is not None and self.distance >= FAR and self.chance < CHANCE

    @property
    def says(self) -> str:
        """The figures in a sentence."""
        if self.distance is None:
            return (
                f"Of {self.what} nothing can be said: there are {self.n_window:,} now and {self.n_reference:,} before."
            )
        moved = self._find_most_moved()
        verdict = "have drifted" if self.drifted else "are as they were"
        return (
            f"{self.what.capitalize()} {verdict}: distance {self.distance:.2f} (Jensen-Shannon; {FAR} is far), which "
            f"chance makes with a probability of {self.chance:.3f}. {moved} made up "
            f"{self.reference.get(moved, 0):.0%} of {self.n_reference:,} before and {self.window.get(moved, 0):.0%} of "
            f"{self.n_window:,} now."
        )

    def _find_most_moved(self) -> str:
        names = sorted({*self.window, *self.reference})
        return max(names, key=lambda each: abs(self.window.get(each, 0) - self.reference.get(each, 0)))


def compare_counts(what: str, window: Mapping[str, int], reference: Mapping[str, int], *, seed: int = 0) -> Drift:
    """Return how far counts of the same values are from each other.

    The test draws as many as the window has out of both together, without putting back, and looks how often what is
    drawn is as far from the rest: it holds for small numbers, and for values that are rare.

    Source: Lin, Divergence Measures Based on the Shannon Entropy, IEEE Transactions on Information Theory 1991.
    """
    names = sorted({*window, *reference})
    now = np.array([window.get(name, 0) for name in names], dtype=np.int64)
    before = np.array([reference.get(name, 0) for name in names], dtype=np.int64)
    n_window, n_reference = int(now.sum()), int(before.sum())
    if not n_window or not n_reference:
        return Drift(what, None, 1.0, n_window, n_reference, {}, {})
    distance = _measure(now, before)
    generator = np.random.default_rng(seed)
    drawn = generator.multivariate_hypergeometric(now + before, n_window, size=PERMUTATIONS, method="marginals")
    distances = np.array([_measure(each, now + before - each) for each in drawn])
    chance = (1 + int((distances >= distance - 1e-12).sum())) / (1 + PERMUTATIONS)
    return Drift(what, distance, chance, n_window, n_reference, _share(names, now), _share(names, before))


def _measure(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    from scipy.spatial.distance import jensenshannon  # noqa: PLC0415 -- A second and 60 MB, which few processes need.

    return float(jensenshannon(first, second, base=2))


def _share(names: Sequence[str], counts: NDArray[np.int64]) -> dict[str, float]:
    return dict(zip(names, (counts / counts.sum()).tolist(), strict=True))


def find_label_drift(session: Session, scope: Scope) -> Drift | None:
    """Return how far the labels of the issues filed in a window are from those filed before; none of duplicates."""
    if scope.model_type == "duplicates":
        return None
    before = _filed(scope, reference=True)
    return compare_counts(
        f"labels of {scope.model_type}",
        count_labels(session, scope.model_type, *_filed(scope, reference=False)),
        count_labels(session, scope.model_type, *before),
    )


def _filed(scope: Scope, *, reference: bool) -> list[ColumnElement[bool]]:
    """Return what issues fulfil that were filed in the window, or before it."""
    since, until = (scope.since - REFERENCE, scope.since) if reference else (scope.since, scope.until)
    found: list[ColumnElement[bool]] = [Issue.created_at >= since, Issue.created_at < until]
    return found if scope.project_id is None else [*found, Issue.project_id == scope.project_id]


def find_text_drift(session: Session, scope: Scope) -> tuple[Drift, Drift]:
    """Return how far lengths of reports, and their shares of new words, are from before.

    A word is new that the older half of what is read from before the window does not have.
    """
    now = _read_texts(session, _filed(scope, reference=False), MOST_TEXTS)
    before = _read_texts(session, _filed(scope, reference=True), 2 * MOST_TEXTS)
    newer, older = before[: len(before) // 2], before[len(before) // 2 :]
    known = {word for text in older for word in find_words(text)}
    lengths = _compare_values("lengths of reports", [len(each) for each in now], [len(each) for each in before])
    words = _compare_values(
        "shares of new words", *([share_new(each, known) for each in some] for some in (now, newer))
    )
    return lengths, words


def _read_texts(session: Session, conditions: Sequence[ColumnElement[bool]], most: int) -> list[str]:
    """Return the beginnings of the newest reports, the newest first."""
    text = Issue.title + "\n" + func.substr(Issue.description, 1, LONGEST_TEXT)
    return list(session.scalars(select(text).where(*conditions).order_by(Issue.created_at.desc()).limit(most)))


def find_words(text: str) -> set[str]:
    """Return the words of a text, of three letters at least, in lower case."""
    return set(_WORD.findall(text.lower()))


def share_new(text: str, known: set[str]) -> float:
    """Return which share of a text's words is not known, in [0, 1]."""
    words = find_words(text)
    return len(words - known) / len(words) if words else 0.0


def _compare_values(what: str, window: Sequence[float], reference: Sequence[float]) -> Drift:
    """Compare numbers by tenths of what was before: as many of the reference below one bound as below the next."""
    if not window or not reference:
        return Drift(what, None, 1.0, len(window), len(reference), {}, {})
    tenths = np.quantile(np.array(reference), np.linspace(0, 1, N_BINS + 1)[1:-1])
    bounds = np.unique(np.round(tenths, DIGITS))
    shown = [f"{bound:.{DIGITS}f}".rstrip("0").rstrip(".") for bound in bounds.tolist()]
    names = [f"those up to {shown[0]}", *(f"those over {each}" for each in shown)]

    def count(values: Sequence[float]) -> dict[str, int]:
        places = np.searchsorted(bounds, np.array(values), side="left")
        return dict(zip(names, np.bincount(places, minlength=len(names)).tolist(), strict=True))

    return compare_counts(what, count(window), count(reference))
