"""What every model that chooses one of several labels can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
"""Shape (reports, classes); each row is in [0, 1] and sums to 1."""


@dataclass(frozen=True, slots=True)
class Report:
    """The text of a bug report as it was filed."""

    title: str
    description: str = ""

    @property
    def text(self) -> str:
        """Title and description together."""
        return f"{self.title}\n{self.description}"


class Classifier(Protocol):
    """Learns to give reports one of the labels that it was shown.

    Attributes:
        classes_: The labels in the order of the probabilities' columns, known after `fit`.
    """

    classes_: tuple[str, ...]

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Learn from reports and their labels, of which there are as many, with at least two different ones."""

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return how probable each label is; any text is possible, also an empty one."""
