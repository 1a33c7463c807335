"""A trained model of triage: members, their pooled opinion, and from where on it speaks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bugflow.ml.artifacts import ArtifactError, read_json, write_json
from bugflow.ml.calibration import NEVER, Pool, Thresholds
from bugflow.ml.contract import Classifier, Encoder, Probabilities, Reason, Report
from bugflow.ml.explanation import choose_reasons
from bugflow.ml.triage.encoder import EncoderClassifier
from bugflow.ml.triage.examples import Target
from bugflow.ml.triage.keyword import KeywordClassifier
from bugflow.ml.triage.linear import LinearClassifier
from bugflow.ml.triage.transformer import TransformerClassifier

Band = Literal["sure", "suggested", "unsure"]
"""Sure enough to fill in; worth showing; neither."""
SUGGESTED_PRECISION = 0.6
"""A suggestion is right more often than not, and by a margin."""
MEMBERS: Mapping[str, type[Classifier]] = {
    "keyword": KeywordClassifier,
    "linear": LinearClassifier,
    "presence": LinearClassifier,
    "encoder": EncoderClassifier,
    "transformer": TransformerClassifier,
}
FORMAT = 1
_MARKS = ".,:;!?()[]{}\"'`"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a model thinks of one report.

    Attributes:
        probability: Of the label, calibrated, in [0, 1].
        runner_up: The second most probable label.
        threshold: From which probability on the model says this label; none where it never does.
        coverage: The share of the calibration part's reports about which the model spoke at its thresholds, in [0, 1].
    """

    label: str
    probability: float
    runner_up: str
    runner_up_probability: float
    band: Band
    threshold: float | None
    coverage: float

    @property
    def abstained(self) -> bool:
        """Whether the model is not sure enough to say the label."""
        return self.band != "sure"


@dataclass(frozen=True)
class TriageModel:
    """Finds one field of a report.

    Attributes:
        members: By their back-end's name, all of the same classes.
        speaking: From which probability on a label is sure.
        suggesting: From which probability on a label is worth showing.
        coverage: The share of calibration reports about which it spoke, in [0, 1].
        hurried: Those of its members that answer at once, calibrated by themselves, for when there is no time for all;
            none where there is no difference.
    """

    target: Target
    members: Mapping[str, Classifier]
    pool: Pool
    speaking: Thresholds
    suggesting: Thresholds
    coverage: float
    hurried: "TriageModel | None" = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that it can say, in the order of the probabilities' columns."""
        return next(iter(self.members.values())).classes_

    @property
    def method(self) -> str:
        """The names of its members, the way an answer names them."""
        return "+".join(self.members)

    def predict_probabilities(self, reports: Sequence[Report]) -> Probabilities:
        """Return how probable each label is."""
        return self.pool.combine([member.predict_probabilities(reports) for member in self.members.values()])

    def suggest(self, reports: Sequence[Report]) -> list[Suggestion]:
        """Return what it thinks of each report; any text is possible."""
        probabilities = self.predict_probabilities(reports)
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :2]
        return [
            self._describe(row, int(best), int(next_best))
            for row, (best, next_best) in zip(probabilities, order, strict=True)
        ]

    def _describe(self, shares: Probabilities, best: int, next_best: int) -> Suggestion:
        share, threshold = float(shares[best]), float(self.speaking.least[best])
        band: Band = "unsure"
        if share >= threshold:
            band = "sure"
        elif share >= self.suggesting.least[best]:
            band = "suggested"
        return Suggestion(
            label=self.classes[best],
            probability=share,
            runner_up=self.classes[next_best],
            runner_up_probability=float(shares[next_best]),
            band=band,
            threshold=None if threshold == NEVER else threshold,
            coverage=self.coverage,
        )

    def explain(self, report: Report, label: str, *, most: int = 8) -> tuple[Reason, ...]:
        """Return what speaks for and against a label: each member's reasons by the weight of its opinion."""
        found: dict[tuple[str, str], Reason] = {}
        for share, member in zip(self.pool.weights, self.members.values(), strict=True):
            for reason in member.explain(report, label, most=2 * most):
                place = (reason.kind, reason.what.strip(_MARKS).casefold())
                before = found.get(place, Reason(reason.kind, reason.what.strip(_MARKS), 0.0))
                found[place] = replace(before, weight=before.weight + float(share) * reason.weight)
        return choose_reasons(found.values(), most=most)

    def save(self, folder: Path) -> None:
        """Write the model into a folder that is empty or not there yet."""
        for name, member in self.members.items():
            place = folder / "members" / name
            place.mkdir(parents=True)
            member.save(place)
        hurried = None if self.hurried is None else _write_opinion(self.hurried)
        content = {"format": FORMAT, "target": self.target, "hurried": hurried, **_write_opinion(self)}
        write_json(folder / "model.json", content)

    @classmethod
    def load(cls, folder: Path, *, encoder: Encoder | None = None) -> "TriageModel":
        """Return the model that was saved in a folder.

        Raises:
            ArtifactError: Something is missing or damaged, or it needs another encoder.
        """
        path = folder / "model.json"
        content = read_json(path)
        if content.get("format") != FORMAT:
            raise ArtifactError(path, f"its format is {content.get('format')!r}, and this version reads {FORMAT}.")
        try:
            members = {
                name: MEMBERS[name].load(folder / "members" / name, encoder=encoder) for name in content["members"]
            }
            hurried = content["hurried"]
            model = replace(
                _read_opinion(content, members),
                hurried=None if hurried is None else _read_opinion({"target": content["target"], **hurried}, members),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(path, f"it lacks or has no use for {error}.") from error
        for each in (model, model.hurried):
            if each is not None:
                each.require_fitting_parts(path)
        return model

    def require_fitting_parts(self, path: Path) -> None:
        """Refuse a model whose parts are of different classes.

        Raises:
            ArtifactError: They are.
        """
        sizes = {len(self.pool.biases), len(self.speaking.least), len(self.suggesting.least), len(self.classes)}
        if len(sizes) > 1 or len(self.pool.weights) != len(self.members):
            raise ArtifactError(path, "its parts are of different classes.")
        if any(member.classes_ != self.classes for member in self.members.values()):
            raise ArtifactError(path, "its members know different labels.")


def _write_opinion(model: TriageModel) -> dict[str, object]:
    """Return what is to be kept of a model beside its members."""
    return {
        "members": list(model.members),
        "weights": model.pool.weights.tolist(),
        "biases": model.pool.biases.tolist(),
        "speaking": _write_thresholds(model.speaking),
        "suggesting": _write_thresholds(model.suggesting),
        "coverage": model.coverage,
    }


def _read_opinion(content: Mapping[str, Any], members: Mapping[str, Classifier]) -> TriageModel:
    return TriageModel(
        target=content["target"],
        members={name: members[name] for name in content["members"]},
        pool=Pool(np.array(content["weights"], np.float64), np.array(content["biases"], np.float64)),
        speaking=_read_thresholds(content["speaking"]),
        suggesting=_read_thresholds(content["suggesting"]),
        coverage=float(content["coverage"]),
    )


def _write_thresholds(thresholds: Thresholds) -> dict[str, object]:
    least = [None if each == NEVER else each for each in thresholds.least.tolist()]
    return {"least": least, "target": thresholds.target}


def _read_thresholds(content: Mapping[str, object]) -> Thresholds:
    least = content["least"]
    if not isinstance(least, list):
        raise TypeError("least")
    return Thresholds(
        np.array([NEVER if each is None else float(each) for each in least]), float(str(content["target"]))
    )
