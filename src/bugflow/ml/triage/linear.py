"""Words and parts of words, weighed: TF-IDF and logistic regression, whose reasons are exact."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bugflow.ml.artifacts import ArtifactError, read_arrays, read_json, write_arrays, write_json
from bugflow.ml.contract import Encoder, Probabilities, Reason, Report
from bugflow.ml.explanation import choose_reasons
from bugflow.ml.triage.words import PRESENT, WEIGHED, Kind, WordFeatures

STRENGTH: Mapping[tuple[Kind, ...], float] = {WEIGHED: 3.0, PRESENT: 1.0}
"""How freely weights may grow (the inverse of the regularisation), by what is looked at."""


class LinearClassifier:
    """One logistic regression for each label against the others, over the words of a report.

    Attributes:
        classes_: The labels, by name.
    """

    classes_: tuple[str, ...]

    def __init__(self, kinds: tuple[Kind, ...] = WEIGHED, *, balanced: bool = False, seed: int = 0) -> None:
        """Take what is looked at, whether rare labels weigh as much as frequent ones, and the seed of the solver."""
        self._kinds = kinds
        self._balanced = balanced
        self._seed = seed
        self._words = WordFeatures(kinds)

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Learn the words and their weights."""
        self.classes_ = tuple(sorted(set(labels)))
        features = self._words.fit_transform(reports)
        truth = np.asarray(labels)
        self._weights = np.empty((features.shape[1], len(self.classes_)), dtype=np.float32)  # Rows as they are read.
        self._intercepts = np.empty(len(self.classes_), dtype=np.float32)
        for column, label in enumerate(self.classes_):
            model = LogisticRegression(
                C=STRENGTH[self._kinds],
                solver="liblinear",
                class_weight="balanced" if self._balanced else None,
                random_state=self._seed,
            )
            model.fit(features, truth == label)
            self._weights[:, column], self._intercepts[column] = model.coef_[0], model.intercept_[0]
        return self

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return the labels' probabilities against the others, together 1."""
        if not reports:
            return np.empty((0, len(self.classes_)))
        scores = np.asarray(self._words.transform(reports) @ self._weights, dtype=np.float64) + self._intercepts
        probabilities = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True), dtype=np.float64)

    def explain(self, report: Report, label: str, *, most: int = 8) -> tuple[Reason, ...]:
        """Return the words and fields with what each adds to the logarithm of the label's odds; exact."""
        return choose_reasons(self.weigh(report, label), most=most)

    def weigh(self, report: Report, label: str) -> list[Reason]:
        """Return every word and field of a report; with the label's intercept the weights add up to its score."""
        row = self._words.transform([report])
        weights: NDArray[np.float32] = self._weights[:, self.classes_.index(label)]
        contributions = np.zeros(len(weights))
        contributions[row.indices] = row.data * weights[row.indices]
        return [Reason(kind, what, weight) for (kind, what), weight in self._words.name(report, contributions).items()]

    def save(self, folder: Path) -> None:
        """Write words, weights and labels."""
        write_json(folder / "classifier.json", {"classes": list(self.classes_), "kinds": list(self._kinds)})
        write_arrays(folder / "weights.safetensors", {"weights": self._weights, "intercepts": self._intercepts})
        self._words.save(folder)

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:  # noqa: ARG003 -- It needs none.
        """Return the classifier that was saved in a folder.

        Raises:
            ArtifactError: Something is missing or damaged.
        """
        content = read_json(folder / "classifier.json")
        kinds = next((each for each in STRENGTH if list(each) == content.get("kinds")), None)
        if kinds is None:
            raise ArtifactError(folder / "classifier.json", f"it looks at {content.get('kinds')}, which is not known.")
        classifier = cls(kinds)
        classifier.classes_ = tuple(content.get("classes", ()))
        arrays = read_arrays(folder / "weights.safetensors", "weights", "intercepts")
        classifier._weights, classifier._intercepts = arrays["weights"], arrays["intercepts"]
        classifier._words = WordFeatures.load(folder, kinds)
        if classifier._weights.shape != (classifier._words.n_features, len(classifier.classes_)):
            raise ArtifactError(folder, "its weights do not fit its labels and words.")
        return classifier
