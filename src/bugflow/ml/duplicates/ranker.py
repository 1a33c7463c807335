"""The learned ranking of candidates, and how probable it is that one of them is the same bug."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from bugflow.ml.artifacts import ArtifactError, read_json, write_json
from bugflow.ml.duplicates.features import Features, list_features

RANKING, JUDGING, DESCRIPTION = "ranking.txt", "judging.txt", "ranker.json"
JUDGED = 10
"""Candidates of a report, the best first, whose probability is learned and told."""
SCALED = ("age", "between", "days", "length", "own_length", "title_length", "own_title_length")
"""Features whose size depends on the tracker: what one tracker's past says about them misleads on another.

They help to put one report's candidates in order, where only differences count, and say nothing of probabilities.
"""
STANDING = ("score_ahead", "score_behind")
"""What `show_best` adds: by how much a score is ahead of the next one, and behind the best one."""
_SHOWN = [column for column, name in enumerate(list_features()) if name not in SCALED]

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates in the order of how near they are; all of shape (candidates,).

    Attributes:
        order: Places of the candidates, the best first.
        scores: Of the candidates in their own order; only scores of one report can be compared.
        probabilities: That each is the same bug, in [0, 1], in their own order; 0 beyond the best ten.
    """

    order: NDArray[np.int64]
    scores: Scores
    probabilities: Scores


@dataclass(frozen=True)
class Ranker:
    """Two boosted trees: one puts candidates in order (LambdaMART), one says whether the best are the same bug.

    Source: Burges, From RankNet to LambdaRank to LambdaMART, Microsoft Research 2010; Ke et al., LightGBM, NIPS 2017.

    Attributes:
        threshold: From which probability on a candidate is flagged as the same bug.
        slope: Of the calibration: the log-odds are multiplied by it.
        intercept: And this is added.
    """

    ranking: lightgbm.Booster
    judging: lightgbm.Booster
    slope: float = 1.0
    intercept: float = 0.0
    threshold: float = 0.9

    def rank(self, features: Features) -> Ranking:
        """Return candidates in order, from their features of shape (candidates, features)."""
        scores = np.asarray(self.ranking.predict(features, num_threads=1), dtype=np.float64)
        order = np.argsort(-scores, kind="stable")
        probabilities = np.zeros(len(scores))
        best = order[:JUDGED]
        probabilities[best] = self._judge(features, scores, order)
        return Ranking(order, scores, probabilities)

    def _judge(self, features: Features, scores: Scores, order: NDArray[np.int64]) -> Scores:
        raw = self.judging.predict(show_best(features, scores, order), num_threads=1, raw_score=True)
        return np.asarray(1 / (1 + np.exp(-(self.slope * np.asarray(raw) + self.intercept))))

    def save(self, folder: Path) -> None:
        """Write the trees and the calibration into a folder, as text that cannot run code."""
        self.ranking.save_model(folder / RANKING)
        self.judging.save_model(folder / JUDGING)
        content: dict[str, Any] = {
            "features": list(list_features()),
            "judged": list(list_judged()),
            "slope": self.slope,
            "intercept": self.intercept,
            "threshold": self.threshold,
        }
        write_json(folder / DESCRIPTION, content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the ranker that was saved in a folder.

        Raises:
            ArtifactError: Something is missing or damaged, or it was trained on other features.
        """
        content = read_json(folder / DESCRIPTION)
        if content.get("features") != list(list_features()) or content.get("judged") != list(list_judged()):
            raise ArtifactError(folder / DESCRIPTION, "it was trained on other features.")
        try:
            numbers = {name: float(content[name]) for name in ("slope", "intercept", "threshold")}
            ranking = _open(folder / RANKING, columns=len(list_features()))
            judging = _open(folder / JUDGING, columns=len(list_judged()))
            return cls(ranking, judging, **numbers)
        except (KeyError, TypeError, ValueError, OSError, lightgbm.basic.LightGBMError) as error:
            raise ArtifactError(folder, "it is missing or damaged.") from error


def list_judged() -> tuple[str, ...]:
    """Return the names of what the judging sees, in the order of the columns of `show_best`."""
    names = list_features()
    return *(names[column] for column in _SHOWN), *STANDING


def show_best(features: Features, scores: Scores, order: NDArray[np.int64]) -> Features:
    """Return what the judging sees of the best ten candidates, the best first.

    Shape (best, `list_judged()`): features without a tracker's own scale, and how each one's score stands.
    """
    best = order[:JUDGED]
    own = scores[best]
    following = np.append(scores[order[1 : JUDGED + 1]], own[-1:])[: len(own)]
    standing = np.column_stack([own - following, own - own[0]])
    return np.concatenate([features[best][:, _SHOWN], standing.astype(np.float32)], axis=1)


def _open(path: Path, *, columns: int) -> lightgbm.Booster:
    trees = lightgbm.Booster(model_str=path.read_text(encoding="utf-8"))
    if trees.num_feature() != columns:
        raise ValueError(f"{path} was trained on {trees.num_feature()} columns instead of {columns}.")
    return trees
