"""Labelled texts as training needs them: tokens, what is held out, and what a label weighs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.finetuning.errors import LabelsError


@dataclass(frozen=True)
class TokenisedExamples:
    """Texts as numbers of tokens, cut, and the column of each label; as long as each other."""

    tokens: Sequence[Sequence[int]]
    columns: NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.tokens)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Return one by the names that networks call them."""
        return {"input_ids": self.tokens[row], "labels": int(self.columns[row])}

    def take(self, rows: NDArray[np.int_]) -> "TokenisedExamples":
        """Return those with these numbers, in this order."""
        return TokenisedExamples([self.tokens[row] for row in rows], self.columns[rows])


def index_classes(labels: Sequence[str], reports: int) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Return the labels by name, and the column of each example.

    Raises:
        LabelsError: There are not as many labels as reports, or fewer than two different ones.
    """
    classes = tuple(sorted(set(labels)))
    if len(labels) != reports or len(classes) < 2:  # noqa: PLR2004 -- One label needs no model.
        raise LabelsError(reports, len(labels), len(classes))
    column = {label: index for index, label in enumerate(classes)}
    return classes, np.array([column[label] for label in labels], dtype=np.int64)


def hold_out(columns: NDArray[np.int64], *, share: float, seed: int) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Divide the rows into those that train and those that are held out, in order.

    Each label gives its share, rounded, so a label with very few examples gives none; the latter may be empty.
    """
    generator = np.random.default_rng(seed)
    held = np.zeros(len(columns), dtype=bool)
    for column in np.unique(columns):
        rows = np.flatnonzero(columns == column)
        held[generator.permutation(rows)[: int(len(rows) * share)]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def weigh_classes(columns: NDArray[np.int64], n_classes: int, *, balanced: bool) -> NDArray[np.float32]:
    """Return the weight of each class, shape (classes,): with `balanced` all classes weigh the same together.

    The weights' mean over the examples is 1, so that the learning rate keeps its meaning.
    """
    if not balanced:
        return np.ones(n_classes, dtype=np.float32)
    counts = np.bincount(columns, minlength=n_classes)
    return (len(columns) / (n_classes * np.maximum(counts, 1))).astype(np.float32)


def score_columns(said: NDArray[np.int_], truth: NDArray[np.int_]) -> dict[str, float]:
    """Return accuracy and macro-F1 over the labels that occur in the truth, both in [0, 1]."""
    size = int(max(said.max(), truth.max())) + 1
    right = np.bincount(truth[said == truth], minlength=size)
    both = np.bincount(said, minlength=size) + np.bincount(truth, minlength=size)
    occurring = np.bincount(truth, minlength=size) > 0
    return {
        "accuracy": float(np.mean(said == truth)),
        "macro_f1": float((2 * right[occurring] / both[occurring]).mean()),
    }
