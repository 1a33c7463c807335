"""What a model has to beat: the most frequent label, and the words of the text without anything further."""

from collections import Counter
from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from bugflow.ml.contract import Probabilities, Report
from bugflow.ml.triage.words import LONGEST_TEXT

ROUNDS = 1_000


class MajorityClassifier:
    """Always says the most frequent label.

    Attributes:
        classes_: The labels, by name.
    """

    classes_: tuple[str, ...]

    def fit(self, _reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Count the labels."""
        counts = Counter(labels)
        self.classes_ = tuple(sorted(counts))
        self._shares = np.array([counts[label] for label in self.classes_]) / len(labels)
        return self

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return the labels' shares, the same for every report."""
        return np.tile(self._shares, (len(reports), 1))


class PlainClassifier:
    """TF-IDF of single words and logistic regression, as the library has them: the usual first attempt.

    Attributes:
        classes_: The labels, by name.
    """

    classes_: tuple[str, ...]

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Learn the words' weights; at least one report has a word."""
        self._model: Pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=ROUNDS)).fit(
            _read(reports), list(labels)
        )
        self.classes_ = tuple(str(label) for label in self._model.classes_)
        return self

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return the labels' probabilities, together 1."""
        if not reports:
            return np.empty((0, len(self.classes_)))
        return np.asarray(self._model.predict_proba(_read(reports)), dtype=np.float64)


def _read(reports: Sequence[Report]) -> list[str]:
    return [report.text[:LONGEST_TEXT] for report in reports]
