"""What every model that chooses one of several labels can do, and what it may ask of an encoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
"""Shape (reports, classes); each row is in [0, 1] and sums to 1."""
Vectors = NDArray[np.float32]
"""Shape (texts, dimensions); each row has the length 1."""


@dataclass(frozen=True, slots=True)
class Report:
    """The text of a bug report as it was filed, and what its reporter chose.

    Attributes:
        fields: Values by name, such as the project and the issue's type; a field that is not known is left out.
    """

    title: str
    description: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Title and description together."""
        return f"{self.title}\n{self.description}"


@dataclass(frozen=True, slots=True)
class Reason:
    """What in a report speaks for a label, or against it.

    Attributes:
        what: A word, some words, or a field's value, as a person reads it.
        weight: By how much it changes the logarithm of the label's odds; below 0 it speaks against the label.
    """

    kind: Literal["word", "field"]
    what: str
    weight: float


class Encoder(Protocol):
    """Turns texts into vectors that are near each other where texts mean nearly the same.

    Attributes:
        name: Which weights these are and how texts are cut; vectors of different names cannot be compared.
        n_dims: How many dimensions a vector has.
    """

    name: str
    n_dims: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors; any text is possible, also an empty one. May be called by several threads."""


class Learner(Protocol):
    """Learns to give reports one of the labels that it was shown.

    Attributes:
        classes_: The labels in the order of the probabilities' columns, known after `fit`.
    """

    classes_: tuple[str, ...]

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Learn from reports and their labels, of which there are as many, with at least two different ones."""

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return how probable each label is; any text is possible, also an empty one."""


@runtime_checkable
class Classifier(Learner, Protocol):
    """A learner that says why, and that can be kept."""

    def explain(self, report: Report, label: str, *, most: int = 8) -> tuple[Reason, ...]:
        """Return what speaks most for and against one of the labels, the weightiest first, at most so many."""

    def save(self, folder: Path) -> None:
        """Write what was learned into an empty folder, in formats that cannot run code."""

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:
        """Return the classifier that was saved in a folder.

        Raises:
            ArtifactError: Something is missing or damaged, or it needs another encoder.
        """
