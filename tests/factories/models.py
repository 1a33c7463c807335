"""Small models that have really learned something, and an encoder that can be held up."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bugflow.ml.calibration import Pool, Thresholds
from bugflow.ml.contract import Classifier, Report, Vectors
from bugflow.ml.triage.encoder import EncoderClassifier
from bugflow.ml.triage.examples import Target
from bugflow.ml.triage.keyword import SEVERITY_MEANINGS, SEVERITY_RULES, KeywordClassifier
from bugflow.ml.triage.linear import LinearClassifier
from bugflow.ml.triage.model import TriageModel
from factories.encoders import BagEncoder

SEVERITY_TEXTS = {"critical": "crash when saving the document", "low": "typo in the help text of the dialog"}
TEAM_TEXTS = {"Backend": "database query returns nothing", "Frontend": "button overlaps the menu of the page"}


class HeldEncoder(BagEncoder):
    """Encodes only while it is let, and fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.go.set()
        self.asked = threading.Event()
        self.broken = False

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors once that is let."""
        self.asked.set()
        self.go.wait(20)
        if self.broken:
            raise RuntimeError("the encoder is broken")
        return super().encode(texts)


def train_model(
    target: Target,
    texts: Mapping[str, str],
    *,
    sure_from: float = 0.5,
    with_encoder: bool = False,
    with_rules: bool = False,
    with_hurry: bool = False,
) -> TriageModel:
    """Return a model that has learned these texts; it says a label from that probability on."""
    reports = [Report(text) for text in texts.values() for _ in range(12)]
    labels = [label for label in texts for _ in range(12)]
    member: Classifier = EncoderClassifier(BagEncoder()) if with_encoder else LinearClassifier()
    member.fit(reports, labels)
    members: dict[str, Classifier] = {"encoder" if with_encoder else "linear": member}
    if with_rules:
        members["keyword"] = KeywordClassifier(SEVERITY_RULES, SEVERITY_MEANINGS).fit(reports, labels)
    hurried = None
    if with_hurry:
        quick: dict[str, Classifier] = {"linear": LinearClassifier().fit(reports, labels)}
        members |= quick
        hurried = _put_together(target, quick, sure_from)
    return replace(_put_together(target, members, sure_from), hurried=hurried)


def _put_together(target: Target, members: Mapping[str, Classifier], sure_from: float) -> TriageModel:
    count = len(next(iter(members.values())).classes_)
    return TriageModel(
        target=target,
        members=members,
        pool=Pool(np.ones(len(members)), np.zeros(count)),
        speaking=Thresholds(np.full(count, sure_from), 0.9),
        suggesting=Thresholds(np.full(count, min(0.5, sure_from)), 0.6),
        coverage=0.4,
    )


def save_model(folder: Path, model: TriageModel) -> Path:
    """Return the folder with a model's files."""
    model.save(folder)
    return folder
