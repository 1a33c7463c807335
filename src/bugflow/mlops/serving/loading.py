"""From a folder to a model that can be asked."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bugflow.ml.artifacts import ArtifactError, read_json
from bugflow.ml.contract import Encoder
from bugflow.ml.triage.members import QUICK_MEMBERS, WORD_MEMBERS
from bugflow.mlops.registry.versions import TriageType

if TYPE_CHECKING:
    from bugflow.ml.triage.model import TriageModel

NEEDS_ENCODER = "encoder"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in memory.

    Attributes:
        quick: The same model of only those members whose reasons take no time; none where there is no such member.
        method: How answers name it.
        version: How answers name this version of it.
    """

    model: "TriageModel"
    quick: "TriageModel | None"
    method: str
    version: str

    @property
    def hurried(self) -> "ServedModel | None":
        """What answers at once when there is no time for the whole model; none where there is nothing like that."""
        model = self.model.hurried
        return None if model is None else replace(self, model=model, quick=model, method=model.method)

    @property
    def explains_quickly(self) -> bool:
        """Whether the quick members have learned from words, so that their reasons are enough."""
        return self.quick is not None and any(name in WORD_MEMBERS for name in self.quick.members)


def load_model(
    folder: Path,
    target: TriageType,
    *,
    version: str,
    open_encoder: Callable[[], Encoder],
    method: str | None = None,
) -> ServedModel:
    """Load a model from its folder; an encoder is opened only where a member needs one.

    Args:
        folder: As `TriageModel.save` writes it.
        target: What it must find.
        version: How answers name this version of it.
        open_encoder: Returns the encoder of this machine.
        method: How answers name it; without, by its members.

    Raises:
        ArtifactError: Something is missing or damaged, or it is a model of something else.
        NotFoundError: It needs an encoder, and there is none.
        UnavailableError: Its encoder cannot be used now.
    """
    members = read_json(folder / "model.json").get("members", ())
    encoder = open_encoder() if NEEDS_ENCODER in members else None
    from bugflow.ml.triage.model import TriageModel  # noqa: PLC0415 -- A second; in the background, not at the start.

    model = TriageModel.load(folder, encoder=encoder)
    if model.target != target:
        raise ArtifactError(folder, f"it finds the {model.target}, not the {target}.")
    return ServedModel(model, _keep_quick(model), method or model.method, version)


def _keep_quick(model: "TriageModel") -> "TriageModel | None":
    rows = [row for row, name in enumerate(model.members) if name in QUICK_MEMBERS]
    if not rows:
        return None
    names = list(model.members)
    members = {names[row]: model.members[names[row]] for row in rows}
    return replace(model, members=members, hurried=None, pool=replace(model.pool, weights=model.pool.weights[rows]))
