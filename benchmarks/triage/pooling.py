"""Compares ways to pool members' opinions and to choose thresholds: the evidence of decision 10.

    python benchmarks/triage/pooling.py --data ../shared/data/issues/jquery_trac.parquet --target component

Members are trained once; what differs is only what is made of their opinions.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import TARGET_PRECISION, Thresholds, choose_thresholds, fit_pool, index_labels
from bugflow.ml.contract import Probabilities
from bugflow.ml.encoder import open_encoder
from bugflow.ml.encoder.keeping import KeptVectors
from bugflow.ml.evaluation import score
from bugflow.ml.triage.backends import ENSEMBLE_MEMBERS, Workshop
from bugflow.ml.triage.examples import partition, read_examples
from bugflow.ml.triage.training import TriedLearner, choose_lasting_thresholds, try_learner

Choice = Callable[[Probabilities, NDArray[np.int_]], Thresholds]


def choose_on_newer_half(pooled: Probabilities, truth: NDArray[np.int_]) -> Thresholds:
    """Return thresholds that hold on the newer half."""
    half = len(truth) // 2
    return choose_thresholds(pooled[half:], truth[half:])


def choose_on_both_halves(pooled: Probabilities, truth: NDArray[np.int_]) -> Thresholds:
    """Return thresholds that hold on each half by itself."""
    half = len(truth) // 2
    older = choose_thresholds(pooled[:half], truth[:half])
    return Thresholds(np.maximum(older.least, choose_on_newer_half(pooled, truth).least), TARGET_PRECISION)


CHOICES: Mapping[str, Choice] = {
    "all": choose_thresholds,
    "newer half": choose_on_newer_half,
    "both halves": choose_on_both_halves,
    "all and newer half": lambda pooled, truth: choose_lasting_thresholds(pooled, truth, TARGET_PRECISION),
}


def compare(tried: Mapping[str, TriedLearner], calibration: NDArray[np.int_], test: NDArray[np.int_]) -> None:
    """Print what each way makes of the same opinions."""
    classes = next(iter(tried.values())).learner.classes_
    print("| Members | Pool | Thresholds hold on | Accuracy | Macro-F1 | Speaks | Then right |")
    print("|---|---|---|---|---|---|---|")
    for members in [(name,) for name in tried] + ([tuple(tried)] if len(tried) > 1 else []):
        said = [tried[name] for name in members]
        for biased in (False, True):
            pool = fit_pool([each.calibration for each in said], calibration, biased=biased)
            known, unseen = (
                pool.combine([each.calibration for each in said]),
                pool.combine([each.test for each in said]),
            )
            for name, choose in CHOICES.items():
                scores = score(unseen, test, classes, choose(known, calibration))
                right = "never" if scores.selective_precision is None else f"{scores.selective_precision:.3f}"
                way = "weights and biases" if biased else "weights"
                print(
                    f"| {' + '.join(members)} | {way} | {name} | {scores.accuracy:.3f} | {scores.macro_f1:.3f} "
                    f"| {scores.coverage:.1%} | {right} |"
                )


def main() -> None:
    """Train the members and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", choices=["severity", "priority", "component", "team"], required=True)
    parser.add_argument("--split", choices=["time", "random"], default="time")
    parser.add_argument("--models", type=Path, default=Path.home() / ".bugflow/models", help="Encoder and vectors.")
    chosen = parser.parse_args()
    examples, parts = read_examples(chosen.data, chosen.target)
    data = partition(examples, parts, split=chosen.split)
    encoder = KeptVectors(open_encoder(chosen.models, threads=2), chosen.models / "vectors.db")
    learners = Workshop(encoder=encoder).list_learners(chosen.target, data.train.labels)
    tried = {name: try_learner(learners[name], data) for name in ENSEMBLE_MEMBERS}
    classes = tried["linear"].learner.classes_
    compare(tried, index_labels(data.calibration.labels, classes), index_labels(data.test.labels, classes))


if __name__ == "__main__":
    main()
