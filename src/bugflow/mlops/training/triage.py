"""Training what finds a field of a report, beside the baselines that it has to beat."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bugflow.ml.calibration import TARGET_PRECISION
from bugflow.ml.contract import Encoder
from bugflow.ml.triage.backends import (
    BASELINES,
    EVERYTHING,
    TRANSFORMER,
    Workshop,
    choose_backends,
    choose_default,
    list_backends,
)
from bugflow.ml.triage.evaluating import Evaluation, evaluate
from bugflow.ml.triage.examples import Split, Target, draw_samples, partition, read_examples
from bugflow.ml.triage.model import TriageModel
from bugflow.ml.triage.training import build_model
from bugflow.ml.triage.transformer import TransformerClassifier

AUTO = "auto"
"""All back-ends together that there are."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What is wanted of a training.

    Attributes:
        backend: One of `list_backends`, or `auto`.
        split: Where the data do not say which part a report belongs to.
        least: Labels of fewer reports are left out.
        precision: From which on the model speaks, in (0, 1].
        samples: At most so many reports.
        class_weights: Whether rare labels weigh as much as frequent ones.
    """

    backend: str = AUTO
    split: Split = "time"
    least: int = 50
    precision: float = TARGET_PRECISION
    seed: int = 0
    samples: int | None = None
    class_weights: bool = False

    @property
    def is_fine_tuning(self) -> bool:
        """Whether a transformer is wanted."""
        return self.backend in {TRANSFORMER, EVERYTHING}


def train_triage(
    target: Target,
    data: Path,
    wishes: Wishes,
    *,
    encoder: Encoder | None,
    make_transformer: Callable[[], TransformerClassifier] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Evaluation, TriageModel]:
    """Train a back-end beside the baselines; return what came of them on reports not seen before, and the model.

    Args:
        target: What is to be found.
        data: A file or folder as `read_examples` takes them.
        wishes: What is wanted.
        encoder: None where there is none.
        make_transformer: Makes one that has not been fine-tuned, where the wishes are for one.
        tell: Called with a sentence about what is done next.

    Raises:
        ExamplesError: The data cannot be learned from.
        UnknownBackendError: The back-end cannot be made.
    """
    examples, parts = read_examples(data, target, least_rows=wishes.least)
    examples, parts = draw_samples(examples, parts, most=wishes.samples, seed=wishes.seed)
    divided = partition(examples, parts, split=wishes.split, seed=wishes.seed)
    workshop = Workshop(
        encoder=encoder,
        balanced=wishes.class_weights,
        seed=wishes.seed,
        others={} if make_transformer is None else {TRANSFORMER: make_transformer},
    )
    learners = workshop.list_learners(target, divided.train.labels)
    name = choose_default(list_backends(list(learners))) if wishes.backend == AUTO else wishes.backend
    chosen = choose_backends(list(learners), [*BASELINES, name])
    found = evaluate(
        target,
        divided,
        learners,
        chosen,
        precision=wishes.precision,
        balanced=wishes.class_weights,
        seed=wishes.seed,
        tell=lambda learner: tell(f"Training {learner}"),
    )
    members = {member: found.tried[member] for member in chosen[name]}
    return found, build_model(target, members, divided, precision=wishes.precision)
