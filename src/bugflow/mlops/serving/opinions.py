"""What is asked of the models, and what they answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bugflow.mlops.registry.versions import TriageType

Band = Literal["sure", "suggested", "unsure"]
"""Sure enough to fill in; worth showing; neither."""
KEYWORD, OFF, STARTER = "keyword", "off", "starter"
"""How rules, switched-off predictions and the models of the package are named; other models by their members."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which field of a report is to be found, and the labels that it can have."""

    target: TriageType
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class Ground:
    """What in the report speaks for the label, or against it; or the key of a similar issue that does.

    Attributes:
        weight: By how much it changes the logarithm of the label's odds; none for a rule and for an issue, which are
            not weighed.
    """

    kind: Literal["word", "field", "issue"]
    what: str
    weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What is thought of one field of a report.

    Attributes:
        label: One of those that were possible; none where nothing can be said.
        confidence: The label's calibrated probability, in [0, 1]; none for rules, which have none.
        threshold: From which probability on the model says this label; none where it never does, and for rules.
        coverage: The share of reports about which the model spoke where it was calibrated, in [0, 1].
        method: Who spoke: a model's members, `starter`, `keyword` or `off`; with `nearby` where people's corrections
            of similar issues were heard.
        because: Why it is not said for sure, in a sentence; none where it is.
        reasons: The weightiest first; none where they were not asked for, or there was no time for them.
    """

    label: str | None
    band: Band
    method: str
    confidence: float | None = None
    runner_up: str | None = None
    runner_up_confidence: float | None = None
    threshold: float | None = None
    coverage: float | None = None
    model_version: str | None = None
    because: str | None = None
    reasons: tuple[Ground, ...] | None = None

    @property
    def abstained(self) -> bool:
        """Whether it is not sure enough to be filled in."""
        return self.band != "sure"
