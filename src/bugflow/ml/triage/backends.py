"""Which back-ends there are for a target, and of which members each is made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bugflow.core.errors import InvalidError
from bugflow.ml.contract import Classifier, Encoder, Learner
from bugflow.ml.triage.baselines import MajorityClassifier, PlainClassifier
from bugflow.ml.triage.encoder import EncoderClassifier
from bugflow.ml.triage.examples import Target
from bugflow.ml.triage.keyword import (
    SEVERITY_MEANINGS,
    SEVERITY_RULES,
    TEAM_MEANINGS,
    TEAM_RULES,
    KeywordClassifier,
)
from bugflow.ml.triage.linear import LinearClassifier
from bugflow.ml.triage.words import PRESENT

MAJORITY = "majority"
BASELINES = (MAJORITY, "keyword", "tfidf")
"""What has to be beaten."""
ENSEMBLE = "ensemble"
ENSEMBLE_MEMBERS = ("linear", "presence", "encoder")
TRANSFORMER = "transformer"
EVERYTHING = "everything"
"""The ensemble and a transformer: where fine-tuning is wanted and there is time for it."""


class UnknownBackendError(InvalidError):
    """A back-end that cannot be tried."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"The back-end {name!r} cannot be tried on this. These can: {', '.join(known)}.")


@dataclass(frozen=True)
class Workshop:
    """What back-ends are made with.

    Attributes:
        encoder: None where there is none; then nothing that needs one is made.
        balanced: Whether rare labels weigh as much as frequent ones.
        others: Further members by name, such as a transformer with its options.
    """

    encoder: Encoder | None = None
    balanced: bool = False
    seed: int = 0
    others: Mapping[str, Callable[[], Classifier]] = field(default_factory=dict)

    def list_members(self, target: Target, labels: Sequence[str]) -> Mapping[str, Callable[[], Classifier]]:
        """Return how to make each member of a model: rules only where they know one of the labels."""
        members: dict[str, Callable[[], Classifier]] = {}
        present = {label.lower() for label in labels}
        if target == "severity" and present & SEVERITY_MEANINGS.keys():
            members["keyword"] = lambda: KeywordClassifier(SEVERITY_RULES, SEVERITY_MEANINGS)
        if target == "team" and present & TEAM_MEANINGS.keys():
            members["keyword"] = lambda: KeywordClassifier(TEAM_RULES, TEAM_MEANINGS)
        members["linear"] = lambda: LinearClassifier(balanced=self.balanced, seed=self.seed)
        members["presence"] = lambda: LinearClassifier(PRESENT, balanced=self.balanced, seed=self.seed)
        encoder = self.encoder
        if encoder is not None:
            members["encoder"] = lambda: EncoderClassifier(encoder, balanced=self.balanced)
        members.update(self.others)
        return members

    def list_learners(self, target: Target, labels: Sequence[str]) -> Mapping[str, Callable[[], Learner]]:
        """Return how to make everything that can be tried, the baselines that are no members of a model too."""
        return {MAJORITY: MajorityClassifier, "tfidf": PlainClassifier, **self.list_members(target, labels)}


def list_backends(members: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return each back-end that these members make, by name: each alone, and those that are better together."""
    backends: dict[str, tuple[str, ...]] = {name: (name,) for name in sorted(members, key=_place)}
    together = tuple(name for name in ENSEMBLE_MEMBERS if name in members)
    if len(together) > 1:
        backends[ENSEMBLE] = together
        if TRANSFORMER in members:
            backends[EVERYTHING] = (*together, TRANSFORMER)
    return backends


def _place(name: str) -> tuple[int, str]:
    order = (*BASELINES, *ENSEMBLE_MEMBERS)
    return (order.index(name) if name in order else len(order), name)


def choose_default(backends: Mapping[str, Sequence[str]]) -> str:
    """Return the back-end that is used where none is named: all that there is together."""
    return ENSEMBLE if ENSEMBLE in backends else "linear"


def choose_backends(members: Sequence[str], wanted: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Return the members of each back-end that is wanted, or of all; baselines that do not apply are passed over.

    Raises:
        UnknownBackendError: One of them cannot be made of these members.
    """
    backends = list_backends(members)
    if wanted is None:
        return backends
    for name in wanted:
        if name not in backends and name not in BASELINES:
            raise UnknownBackendError(name, list(backends))
    return {name: parts for name, parts in backends.items() if name in wanted}
