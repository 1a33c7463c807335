"""How a model is fine-tuned."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from bugflow.ml.finetuning.errors import OptionsError

Schedule = Literal["linear", "cosine"]
UseGpu = Literal["auto", "yes", "no"]
DEFAULT_BASE = "distilbert-base-uncased"
PACKAGED = "packaged"
"""Stands for the weights of the extra `offline`."""
LEAST_TOKENS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTuningOptions:
    """What may be chosen.

    Attributes:
        base: The weights to begin with: a folder, a name on the hub, or `packaged`.
        max_length: After how many tokens a text is cut, its first and last token included.
        batch_size: Texts at once on each device; a step takes `accumulation` such batches from each.
        learning_rate: The highest one, reached after `warm_up` (a share of all steps, in [0, 1)).
        weight_decay: Of AdamW.
        class_weights: Whether rare labels weigh as much as frequent ones.
        held_out: The share of each label's examples, in [0, 0.5], that is only looked at to stop early.
        patience: After how many looks without a higher macro-F1 training stops; the best weights are kept.
        looks_per_epoch: How often an epoch looks at what is held out, and writes a checkpoint.
        use_gpu: `auto` takes one where there is one, in bf16 where it can, else in fp16.
        quantise: Whether int8 is tried for serving.
    """

    base: str = DEFAULT_BASE
    max_length: int = 256
    epochs: int = 3
    batch_size: int = 16
    accumulation: int = 1
    learning_rate: float = 5e-5
    schedule: Schedule = "linear"
    warm_up: float = 0.1
    weight_decay: float = 0.01
    class_weights: bool = False
    held_out: float = 0.1
    patience: int = 2
    looks_per_epoch: int = 2
    use_gpu: UseGpu = "auto"
    quantise: bool = True
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be done.

        Raises:
            OptionsError: A value is out of its range.
        """
        for name in ("epochs", "batch_size", "accumulation", "patience", "looks_per_epoch"):
            _require(name, getattr(self, name), "at least 1", fits=getattr(self, name) >= 1)
        _require("max_length", self.max_length, f"at least {LEAST_TOKENS}", fits=self.max_length >= LEAST_TOKENS)
        _require("learning_rate", self.learning_rate, "above 0", fits=self.learning_rate > 0)
        _require("weight_decay", self.weight_decay, "at least 0", fits=self.weight_decay >= 0)
        _require("warm_up", self.warm_up, "in [0, 1)", fits=0 <= self.warm_up < 1)
        _require("held_out", self.held_out, "in [0, 0.5]", fits=0 <= self.held_out <= 0.5)  # noqa: PLR2004 -- As said.
        _require("schedule", self.schedule, "linear or cosine", fits=self.schedule in {"linear", "cosine"})
        _require("use_gpu", self.use_gpu, "auto, yes or no", fits=self.use_gpu in {"auto", "yes", "no"})

    def to_json(self) -> dict[str, Any]:
        """Return them for a file."""
        return asdict(self)


def _require(name: str, value: object, allowed: str, *, fits: bool) -> None:
    if not fits:
        raise OptionsError(name, value, allowed)
