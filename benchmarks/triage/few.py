"""Tries back-ends where only few reports have a label, as in a young tracker.

    python benchmarks/triage/few.py --data ../shared/data/issues/jquery_trac.parquet --target component

So many reports are drawn from the oldest 70 % of a file, and the newest of them calibrate. All are tried on the newest
15 %.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.triage.backends import ENSEMBLE, ENSEMBLE_MEMBERS, Workshop, list_backends
from bugflow.ml.triage.evaluating import evaluate
from bugflow.ml.triage.examples import Partition, partition, read_examples

COUNTS = (30, 60, 120, 250, 500, 1000)
DRAWS = 3
CALIBRATING = 0.2
BACKENDS = ("majority", "tfidf", *ENSEMBLE_MEMBERS, ENSEMBLE)


def draw(data: Partition, count: int, seed: int) -> Partition:
    """Return so many of the reports that train, the newest of them to calibrate, and all that test."""
    rows = np.sort(np.random.default_rng(seed).choice(len(data.train), count, replace=False))
    cut = count - round(count * CALIBRATING)
    return Partition(data.train.take(rows[:cut]), data.train.take(rows[cut:]), data.test, data.split)


def describe(accuracies: Sequence[float], f1s: Sequence[float]) -> str:
    """Return the cell of a back-end: mean accuracy, lowest and highest, and mean macro-F1."""
    return f"{np.mean(accuracies):.3f} ({min(accuracies):.3f} to {max(accuracies):.3f}), {np.mean(f1s):.3f}"


def main() -> None:
    """Try them, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", choices=["severity", "priority", "component", "team"], required=True)
    parser.add_argument("--models", type=Path, default=Path.home() / ".bugflow/models", help="Encoder and vectors.")
    chosen = parser.parse_args()
    examples, parts = read_examples(chosen.data, chosen.target)
    data = partition(examples, parts)
    workshop = Workshop(encoder=open_kept_encoder(chosen.models))
    learners = workshop.list_learners(chosen.target, data.train.labels)
    backends = {name: parts for name, parts in list_backends(list(learners)).items() if name in BACKENDS}
    print(f"| Labelled reports | {' | '.join(backends)} |", "|---" * (1 + len(backends)) + "|", sep="\n")
    for count in (each for each in COUNTS if each <= len(data.train)):
        found = [evaluate(chosen.target, draw(data, count, seed), learners, backends) for seed in range(DRAWS)]
        cells = [
            describe(
                [each.trials[at].scores.accuracy for each in found], [each.trials[at].scores.macro_f1 for each in found]
            )
            for at in range(len(backends))
        ]
        print(f"| {count:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
