"""Words that stand for labels: what a model has to beat, and the last resort where there is none."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from bugflow.ml.artifacts import ArtifactError, read_json, write_json
from bugflow.ml.contract import Encoder, Probabilities, Reason, Report

SEVERITY_WORDS: Mapping[str, tuple[str, ...]] = {
    "critical": ("crash", "security", "data loss", "broken"),
    "high": ("bug", "error", "failure"),
    "low": ("typo", "improvement", "suggestion"),
}
SEVERITY_OTHERWISE = "medium"
TEAM_WORDS: Mapping[str, tuple[str, ...]] = {
    "Frontend": ("ui", "button", "css", "react", "display"),
    "Backend": ("api", "server", "authentication", "query"),
    "Mobile": ("android", "ios", "touch", "notification"),
    "DevOps": ("docker", "kubernetes", "deployment", "ci/cd"),
}
SEVERITY_MEANINGS: Mapping[str, str] = {
    "blocker": "critical",
    "critical": "critical",
    "1": "critical",
    "major": "high",
    "high": "high",
    "2": "high",
    "normal": "medium",
    "medium": "medium",
    "3": "medium",
    "minor": "low",
    "low": "low",
    "trivial": "low",
    "enhancement": "low",
    "4": "low",
    "5": "low",
}
"""What the severities of other trackers mean here; the five of NASA's PITS are by its reviewers' scale, 1 the worst."""


class KeywordRules:
    """Words that stand for labels, looked for as whole words in any case; the first label that fits counts.

    Attributes:
        words: Of each label.
        otherwise: The label of a text without any of them; none to say nothing.
    """

    def __init__(self, words: Mapping[str, Sequence[str]], otherwise: str | None = None) -> None:
        self.words = words
        self.otherwise = otherwise
        self._patterns = {
            label: re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(each) for each in some)})(?!\w)", re.IGNORECASE)
            for label, some in words.items()
        }

    def find_label(self, report: Report) -> str | None:
        """Return the label whose words a report has."""
        return next((label for label, _ in self._find(report)), self.otherwise)

    def find_words(self, report: Report) -> tuple[str, ...]:
        """Return the words of the label that a report has, in lower case, each once."""
        return next((words for _, words in self._find(report)), ())

    def _find(self, report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
        text = report.text
        for label, pattern in self._patterns.items():
            if pattern.search(text):
                yield label, tuple(dict.fromkeys(each.lower() for each in pattern.findall(text)))


SEVERITY_RULES = KeywordRules(SEVERITY_WORDS, SEVERITY_OTHERWISE)
TEAM_RULES = KeywordRules(TEAM_WORDS)
TEAM_MEANINGS: Mapping[str, str] = {name.lower(): name for name in TEAM_WORDS}


class KeywordClassifier:
    """Says what the words stand for; where they stand for nothing that was learned, the most frequent label.

    Attributes:
        classes_: The labels, by name.
    """

    classes_: tuple[str, ...]

    def __init__(self, rules: KeywordRules, meanings: Mapping[str, str]) -> None:
        """Take rules, and which of their labels each label of the data means, by its lower-case name."""
        self._rules = rules
        self._meanings = meanings

    def fit(self, reports: Sequence[Report], labels: Sequence[str]) -> Self:
        """Learn which label the data use for each of the rules', and how often that is right."""
        counts = Counter(labels)
        self.classes_ = tuple(sorted(counts))
        [(self._majority, _)] = counts.most_common(1)
        self._label_of: dict[str, str] = {}
        for label, _ in counts.most_common():
            meaning = self._meanings.get(label.lower())
            if meaning is not None:
                self._label_of.setdefault(meaning, label)
        said = [self._say(report) for report in reports]
        times, right = Counter(said), Counter(each for each, label in zip(said, labels, strict=True) if each == label)
        least = min(0.999, 1 / len(self.classes_) + 0.01)  # What is said stays the most probable.
        self._sureness = {each: max(least, (right[each] + 1) / (times[each] + 2)) for each in self.classes_}
        return self

    def _say(self, report: Report) -> str:
        return self._label_of.get(self._rules.find_label(report) or "", self._majority)

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return how often the rule was right for its label, the rest spread evenly."""
        columns = {label: column for column, label in enumerate(self.classes_)}
        probabilities = np.empty((len(reports), len(self.classes_)))
        for row, report in enumerate(reports):
            said = self._say(report)
            probabilities[row] = (1 - self._sureness[said]) / max(1, len(self.classes_) - 1)
            probabilities[row, columns[said]] = self._sureness[said]
        return probabilities

    def explain(self, report: Report, label: str, *, most: int = 8) -> tuple[Reason, ...]:
        """Return the words by which it says the label; none for another label."""
        if self._say(report) != label:
            return ()
        weight = math.log(self._sureness[label] / (1 - self._sureness[label]))
        return tuple(Reason("word", word, weight) for word in self._rules.find_words(report)[:most])

    def save(self, folder: Path) -> None:
        """Write rules, labels and how often they were right."""
        content = {
            "classes": list(self.classes_),
            "words": {label: list(words) for label, words in self._rules.words.items()},
            "order": list(self._rules.words),
            "otherwise": self._rules.otherwise,
            "majority": self._majority,
            "label_of": self._label_of,
            "sureness": self._sureness,
        }
        write_json(folder / "classifier.json", content)

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> Self:  # noqa: ARG003 -- It needs none.
        """Return the classifier that was saved in a folder.

        Raises:
            ArtifactError: Something is missing or damaged.
        """
        content = read_json(folder / "classifier.json")
        try:
            words = {label: content["words"][label] for label in content["order"]}
            classifier = cls(KeywordRules(words, content["otherwise"]), {})
            classifier.classes_ = tuple(content["classes"])
            classifier._majority, classifier._label_of = content["majority"], content["label_of"]
            classifier._sureness = {label: content["sureness"][label] for label in classifier.classes_}
        except (KeyError, TypeError) as error:
            raise ArtifactError(folder / "classifier.json", f"it lacks or has no use for {error}.") from error
        return classifier
