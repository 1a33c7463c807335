"""Words and parts of words, weighed: TF-IDF and logistic regression, whose reasons are exact."""

from collections.abc import Sequence
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bugflow.ml.contract import Probabilities, Report

MOST_WORDS, MOST_PARTS = 100_000, 100_000
LONGEST_TEXT = 20_000
"""Characters of a report that are read: what is said later says little more."""
PARTS_OF = 500
"""Characters of which the parts of words are taken."""
STRENGTH = 3.0


class LinearClassifier:
    """One logistic regression for each label against the others, over words of the title, words of the text and parts.

    Attributes:
        classes_: The labels, by name.
    """

    classes_: tuple[str, ...]

    def __init__(self, *, balanced: bool = False, seed: int = 0) -> None:
        """Take whether rare labels weigh as much as frequent ones, and the seed of the solver."""
        self._balanced = balanced
        self._seed = seed
        common = {"sublinear_tf": True, "dtype": np.float32}
        self._title = TfidfVectorizer(ngram_range=(1, 2), max_features=MOST_WORDS, **common)
        self._body = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=MOST_WORDS, **common)
        self._parts = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), min_df=2, max_features=MOST_PARTS, **common
        )

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Learn the words and their weights."""
        self.classes_ = tuple(sorted(set(labels)))
        features = self._build_features(reports, learn=True)
        truth = np.asarray(labels)
        self._weights = np.empty((len(self.classes_), features.shape[1]))
        self._intercepts = np.empty(len(self.classes_))
        for column, label in enumerate(self.classes_):
            model = LogisticRegression(
                C=STRENGTH,
                solver="liblinear",
                class_weight="balanced" if self._balanced else None,
                random_state=self._seed,
            )
            model.fit(features, truth == label)
            self._weights[column], self._intercepts[column] = model.coef_[0], model.intercept_[0]
        return self

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return the labels' probabilities against the others, together 1."""
        if not reports:
            return np.empty((0, len(self.classes_)))
        scores = self._build_features(reports) @ self._weights.T + self._intercepts
        probabilities = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True), dtype=np.float64)

    def _build_features(self, reports: Sequence[Report], *, learn: bool = False) -> csr_matrix:
        texts = [report.text[:LONGEST_TEXT] for report in reports]
        blocks = []
        for vectorizer, documents in (
            (self._title, [report.title for report in reports]),
            (self._body, texts),
            (self._parts, [text[:PARTS_OF] for text in texts]),
        ):
            blocks.append(_learn_words(vectorizer, documents) if learn else vectorizer.transform(documents))
        return csr_matrix(hstack(blocks))


def _learn_words(vectorizer: TfidfVectorizer, documents: Sequence[str]) -> csr_matrix:
    try:
        return vectorizer.fit_transform(documents)
    except ValueError:  # No word occurs, or none twice: then only one that stands for nothing is learned.
        vectorizer.set_params(min_df=1)
        vectorizer.fit(["nothing"])
        return vectorizer.transform(documents)
