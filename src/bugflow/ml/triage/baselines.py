"""What a model has to beat: the most frequent label, and words that stand for labels."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from bugflow.ml.contract import Probabilities, Report

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
    """Words that stand for labels, looked for as whole words in any case; the first label that fits counts."""

    def __init__(self, words: Mapping[str, Sequence[str]], otherwise: str | None = None) -> None:
        self._otherwise = otherwise
        self._patterns = {
            label: re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(each) for each in some)})(?!\w)", re.IGNORECASE)
            for label, some in words.items()
        }

    def find_label(self, report: Report) -> str | None:
        """Return the label whose words a report has."""
        text = report.text
        return next((label for label, pattern in self._patterns.items() if pattern.search(text)), self._otherwise)


SEVERITY_RULES = KeywordRules(SEVERITY_WORDS, SEVERITY_OTHERWISE)
TEAM_RULES = KeywordRules(TEAM_WORDS)


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
        [(majority, _)] = counts.most_common(1)
        self._label_of: dict[str | None, str] = {None: majority}
        for label, _ in counts.most_common():
            self._label_of.setdefault(self._meanings.get(label.lower()), label)
        said = [self._say(report) for report in reports]
        times, right = Counter(said), Counter(each for each, label in zip(said, labels, strict=True) if each == label)
        least = min(1.0, 1 / len(self.classes_) + 0.01)  # What is said stays the most probable.
        self._sureness = {each: max(least, (right[each] + 1) / (times[each] + 2)) for each in self.classes_}
        return self

    def _say(self, report: Report) -> str:
        return self._label_of.get(self._rules.find_label(report), self._label_of[None])

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return how often the rule was right for its label, the rest spread evenly."""
        columns = {label: column for column, label in enumerate(self.classes_)}
        probabilities = np.empty((len(reports), len(self.classes_)))
        for row, report in enumerate(reports):
            said = self._say(report)
            probabilities[row] = (1 - self._sureness[said]) / max(1, len(self.classes_) - 1)
            probabilities[row, columns[said]] = self._sureness[said]
        return probabilities
