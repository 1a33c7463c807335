"""Compares ways to pool members' opinions, to choose thresholds and to train again: the evidence of decision 10.

    python benchmarks/triage/pooling.py --data ../shared/data/issues/jquery_trac.parquet --target component

Each set is cut off at several moments, as if they were today: what came before trains and calibrates, the newest before
the cut is tested on. Members are trained once for each moment; what differs is only what is made of their opinions.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.calibration import CAUTION, TARGET_PRECISION, choose_thresholds, cross_pool, fit_pool
from bugflow.ml.calibration import index_labels as index
from bugflow.ml.contract import Encoder, Probabilities
from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.triage.backends import ENSEMBLE_MEMBERS, Workshop
from bugflow.ml.triage.examples import Examples, Target, partition, read_examples
from bugflow.ml.triage.training import choose_lasting_thresholds, try_learner

MOMENTS = (0.6, 0.8, 1.0)
"""Shares of a file's reports, the oldest first, that are there at each moment."""
ONE_ERROR = 1.0


@dataclass(frozen=True)
class Opinions:
    """What the members said at one moment.

    Attributes:
        calibration: Each of shape (reports, classes), of reports that nothing was trained on yet.
        test: The same of the newest reports.
        test_again: The same, after training again with what calibrates.
        growths: Of the labels' shares by training again, as `calibrate` takes them.
    """

    calibration: Sequence[Probabilities]
    test: Sequence[Probabilities]
    test_again: Sequence[Probabilities]
    growths: Sequence[NDArray[np.float64]]
    known: NDArray[np.int_]
    unseen: NDArray[np.int_]


@dataclass(frozen=True)
class Way:
    """One way from opinions to what is said."""

    biased: bool = True
    crossed: bool = True
    caution: float = CAUTION
    newest: bool = True
    again: bool = True
    follows: bool = True

    def judge(self, said: Opinions) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return for each unseen report whether the most probable label is right, and whether it is said."""
        pool = fit_pool(said.calibration, said.known, biased=self.biased)
        if self.crossed:
            pooled = cross_pool(said.calibration, said.known, biased=self.biased)
        else:
            pooled = pool.combine(said.calibration)
        if self.newest:
            chosen = choose_lasting_thresholds(pooled, said.known, TARGET_PRECISION, caution=self.caution)
        else:
            chosen = choose_thresholds(pooled, said.known, caution=self.caution)
        if self.biased and self.again and self.follows:
            pool = pool.follow_shares(said.growths)
        found = pool.combine(said.test_again if self.again else said.test)
        return found.argmax(axis=1) == said.unseen, chosen.speaks(found)


WAYS: Mapping[str, Way] = {
    "as it is": Way(),
    "without biases": Way(biased=False),
    "trained once": Way(again=False),
    "biases of the first training": Way(follows=False),
    "thresholds from the pool that is used": Way(crossed=False),
    "one standard error": Way(caution=ONE_ERROR),
    "thresholds hold on all only": Way(newest=False),
    "the way before": Way(crossed=False, caution=ONE_ERROR, again=False),
}


def ask(examples: Examples, target: Target, encoder: Encoder) -> Opinions:
    """Train the members on the oldest of these examples, and ask them about the rest."""
    data = partition(examples, [None] * len(examples))
    learners = Workshop(encoder=encoder).list_learners(target, data.train.labels)
    once, twice = (
        [try_learner(learners[name], data, again=each) for name in ENSEMBLE_MEMBERS] for each in (False, True)
    )
    classes = once[0].learner.classes_
    return Opinions(
        [each.calibration for each in once],
        [each.test for each in once],
        [each.test for each in twice],
        [each.growth for each in twice],
        index(data.calibration.labels, classes),
        index(data.test.labels, classes),
    )


def describe(moments: Sequence[Opinions], way: Way) -> str:
    """Return a way's cells of the table: at each moment, and over all."""
    cells, all_right, all_said = [], [], []
    for said in moments:
        right, spoken = way.judge(said)
        all_right.append(right)
        all_said.append(spoken)
        cells.append(_describe(right, spoken))
    return " | ".join([*cells, _describe(np.concatenate(all_right), np.concatenate(all_said))])


def _describe(right: NDArray[np.bool_], spoken: NDArray[np.bool_]) -> str:
    sure = "never" if not spoken.any() else f"{spoken.mean():.1%}, {right[spoken].mean():.3f}"
    return f"{right.mean():.3f} | {sure}"


def main() -> None:
    """Train the members and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--target", choices=["severity", "priority", "component", "team"], required=True)
    parser.add_argument("--models", type=Path, default=Path.home() / ".bugflow/models", help="Encoder and vectors.")
    chosen = parser.parse_args()
    examples, _ = read_examples(chosen.data, chosen.target)
    encoder = open_kept_encoder(chosen.models)
    moments = [ask(examples.take(np.arange(round(len(examples) * share))), chosen.target, encoder) for share in MOMENTS]
    places = [*(f"{share:.0%}" for share in MOMENTS), "all moments"]
    print(f"| Way | {' | '.join(f'{place}: accuracy | speaks, then right' for place in places)} |")
    print("|---" * (1 + 2 * len(places)) + "|")
    for name, way in WAYS.items():
        print(f"| {name} | {describe(moments, way)} |", flush=True)


if __name__ == "__main__":
    main()
