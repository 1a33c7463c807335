"""What a frozen encoder makes of title and text, and a logistic regression above it: good from a few dozen labels."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bugflow.ml.artifacts import ArtifactError, read_arrays, read_json, write_arrays, write_json
from bugflow.ml.contract import Encoder, Probabilities, Reason, Report
from bugflow.ml.explanation import weigh_omissions
from bugflow.ml.sentences import split_sentences
from bugflow.ml.triage.encoded import pick_texts

STRENGTH = 5.0
ROUNDS = 300
MOST_WORDS, MOST_SENTENCES = 12, 6
"""Of title and text, that are left out in turn to see what they count for."""


class EncoderClassifier:
    """One logistic regression over the vectors of title and text.

    Attributes:
        classes_: The labels, by name.
    """

    classes_: tuple[str, ...]

    def __init__(self, encoder: Encoder, *, balanced: bool = False) -> None:
        """Take what encodes, and whether rare labels weigh as much as frequent ones."""
        self._encoder = encoder
        self._balanced = balanced

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Learn the weights of the vectors' dimensions."""
        model = LogisticRegression(
            C=STRENGTH, max_iter=ROUNDS, class_weight="balanced" if self._balanced else None
        ).fit(self._encode([pick_texts(report) for report in reports]), list(labels))
        self.classes_ = tuple(str(label) for label in model.classes_)
        weights, intercepts = model.coef_, model.intercept_
        if len(self.classes_) == 2:  # noqa: PLR2004 -- Of two labels the library keeps the second's weights only.
            weights, intercepts = np.vstack([-weights / 2, weights / 2]), np.array([-1, 1]) * intercepts / 2
        self._weights, self._intercepts = weights.astype(np.float32), intercepts.astype(np.float32)
        return self

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return the labels' probabilities, together 1."""
        if not reports:
            return np.empty((0, len(self.classes_)))
        return self._judge(self._encode([pick_texts(report) for report in reports]))

    def explain(self, report: Report, label: str, *, most: int = 8) -> tuple[Reason, ...]:
        """Return what the title's words and the text's sentences count for, by leaving each out; encodes once."""
        title, prose = pick_texts(report)
        words, sentences = title.split()[:MOST_WORDS], list(islice(split_sentences(prose), MOST_SENTENCES))
        texts = [(title, prose)]
        texts += [(" ".join([*words[:at], *words[at + 1 :]]), prose) for at in range(len(words))]
        texts += [(title, prose.replace(sentence, " ", 1)) for sentence in sentences]
        shares = self._judge(self._encode(texts))[:, self.classes_.index(label)]
        return weigh_omissions([*words, *sentences], float(shares[0]), shares[1:], most=most)

    def _encode(self, texts: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return title's and text's vectors side by side, zeros for an empty one; each text is encoded once."""
        distinct = list(dict.fromkeys(part for text in texts for part in text if part))
        vectors = self._encoder.encode(distinct) if distinct else np.empty((0, self._encoder.n_dims), np.float32)
        row = {text: index for index, text in enumerate(distinct)}
        padded = np.vstack([vectors, np.zeros((1, self._encoder.n_dims), np.float32)])
        rows = np.array([[row.get(part, len(distinct)) for part in text] for text in texts])
        return np.asarray(padded[rows].reshape(len(texts), -1), dtype=np.float32)

    def _judge(self, vectors: NDArray[np.float32]) -> Probabilities:
        scores = (vectors @ self._weights.T + self._intercepts).astype(np.float64)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write weights and labels, and which encoder they need."""
        write_json(folder / "classifier.json", {"classes": list(self.classes_), "encoder": self._encoder.name})
        write_arrays(folder / "weights.safetensors", {"weights": self._weights, "intercepts": self._intercepts})

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:
        """Return the classifier that was saved in a folder.

        Raises:
            ArtifactError: Something is missing or damaged, or it needs another encoder.
        """
        content = read_json(folder / "classifier.json")
        if encoder is None or encoder.name != content.get("encoder"):
            present = "there is none" if encoder is None else f"this is {encoder.name!r}"
            raise ArtifactError(folder, f"it needs the encoder {content.get('encoder')!r}, and {present}.")
        classifier = cls(encoder)
        classifier.classes_ = tuple(content.get("classes", ()))
        arrays = read_arrays(folder / "weights.safetensors", "weights", "intercepts")
        classifier._weights, classifier._intercepts = arrays["weights"], arrays["intercepts"]
        if classifier._weights.shape != (len(classifier.classes_), 2 * encoder.n_dims):
            raise ArtifactError(folder, "its weights do not fit its labels and its encoder.")
        return classifier
