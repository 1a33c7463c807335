"""A training in a process of its own, which tells its steps and is there to be killed: `BASE WORK_FOLDER`."""

import sys
from collections.abc import Mapping
from pathlib import Path

from bugflow.ml.finetuning.finetuning import FineTuned, fine_tune
from bugflow.ml.finetuning.training import Tell
from ml.finetuning.tiny import build_task, choose_options

EXAMPLES, STEPS, CHECKPOINT_EVERY, KILLED_AFTER = 160, 20, 5, 13
"""About a tenth is held out; what trains fills ten batches an epoch, and each half an epoch has a checkpoint."""


def run(base: Path, work: Path, tell: Tell) -> FineTuned:
    """Train so that there are two checkpoints in each of two epochs."""
    reports, labels = build_task(EXAMPLES, seed=5)
    options = choose_options(base, epochs=2, batch_size=16, looks_per_epoch=2, quantise=False, learning_rate=1e-3)
    return fine_tune([report.text for report in reports], labels, options, work, tell=tell)


def _print(step: int, steps: int, figures: Mapping[str, float]) -> None:
    del steps, figures
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), _print)
