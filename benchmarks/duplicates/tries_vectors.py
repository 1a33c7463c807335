"""Tries the encoder's vectors turned by a matrix that was learned from reports of the same bug."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from trackers import Pasts
from tries_figures import print_ranks
from tries_ranking import Bench
from tuning_pairs import FORMS, list_pairs
from tuning_trying import Encoded, rank_all

from bugflow.ml.contract import Vectors
from bugflow.ml.duplicates.profiles import Profile

SCALE, LEARNING_RATE, STEPS, BATCH = 20.0, 1e-3, 400, 256
OWN = 4_000
"""Reports of the others of which title and text are a pair, too, where that is tried."""

Bugs = NDArray[np.int64]


@dataclass(frozen=True)
class Held:
    """How a matrix is learned.

    Attributes:
        hold: How much the squares of its distance from the identity count.
        with_own: Whether title and text of the same report are pairs, too.
    """

    hold: float
    with_own: bool


TRIED = (Held(0.01, with_own=False), Held(0.1, with_own=False), Held(1.0, with_own=False), Held(0.1, with_own=True))


def try_matrix(bench: Bench) -> None:
    """Vectors turned by a contrastive matrix (384 x 384) that is held near the identity."""
    for name in bench.trackers:
        history, profiles, _ = bench.pasts[name]
        rows = np.arange(len(history), dtype=np.int64)
        titles, texts = (stack(profiles, what) for what in ("title", "text"))
        before = rank_all(history, Encoded(rows, titles, texts))
        for held in TRIED:
            matrix = learn_matrix(*list_vectors(bench.pasts, bench.list_teachers(name), with_own=held.with_own), held)
            after = rank_all(history, Encoded(rows, turn(titles, matrix), turn(texts, matrix)))
            away = float(np.linalg.norm(matrix - np.eye(len(matrix))))
            print(f"{name}: {held}, {away:.2f} from the identity")
            for cosine in ("text", "text and title"):
                print_ranks(cosine, before[cosine], after[cosine])


def stack(profiles: Sequence[Profile], what: str) -> Vectors:
    """Return one of the vectors of each report; all 0 where it has none."""
    found = [getattr(each, what) for each in profiles]
    n_dims = next(len(each) for each in found if each is not None)
    nothing = np.zeros(n_dims, dtype=np.float32)
    return np.stack([nothing if each is None else each for each in found])


def list_vectors(pasts: Pasts, trackers: Sequence[str], *, with_own: bool) -> tuple[Vectors, Vectors, Bugs]:
    """Return vectors of pairs of the same bug, in each form once, and a number of each one's bug."""
    chance = random.Random(0)
    known = {name: {what: stack(pasts[name][1], what) for what in ("title", "text")} for name in trackers}
    pairs = list_pairs(pasts, trackers)
    numbers = {key: number for number, key in enumerate({(each.tracker, each.cluster) for each in pairs})}
    ones, others, bugs = [], [], []
    for pair in pairs:
        for mine, theirs in sorted(set(FORMS)):
            ones.append(known[pair.tracker][mine][pair.newer])
            others.append(known[pair.tracker][theirs][pair.older])
            bugs.append(numbers[pair.tracker, pair.cluster])
    for name in trackers if with_own else ():
        n_reports = len(known[name]["text"])
        for row in chance.sample(range(n_reports), min(OWN, n_reports)):
            ones.append(known[name]["title"][row])
            others.append(known[name]["text"][row])
            bugs.append(len(numbers) + len(bugs))
    return np.stack(ones), np.stack(others), np.array(bugs, dtype=np.int64)


def learn_matrix(ones: Vectors, others: Vectors, bugs: Bugs, held: Held) -> NDArray[np.float32]:
    """Return a matrix under which pairs are nearer to each other than to the rest of a batch."""
    import torch  # noqa: PLC0415 -- Heavy.

    generator = np.random.default_rng(0)
    start = torch.eye(ones.shape[1])
    matrix = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([matrix], lr=LEARNING_RATE)
    for _ in range(STEPS):
        rows = generator.choice(len(ones), min(BATCH, len(ones)), replace=False)
        one, other = (_turn(torch.from_numpy(each[rows]), matrix) for each in (ones, others))
        same = torch.from_numpy(bugs[rows][:, None] == bugs[rows]) & ~torch.eye(len(rows), dtype=torch.bool)
        scores = (SCALE * one @ other.T).masked_fill(same, -1e4)
        truth = torch.arange(len(rows))
        lose = torch.nn.functional.cross_entropy
        loss = (lose(scores, truth) + lose(scores.T, truth)) / 2 + held.hold * ((matrix - start) ** 2).sum()
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return np.asarray(matrix.detach().numpy(), dtype=np.float32)


def turn(vectors: Vectors, matrix: NDArray[np.float32]) -> Vectors:
    """Return vectors turned, of length 1."""
    turned = vectors @ matrix
    return np.asarray(turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def _turn(vectors: Any, matrix: Any) -> Any:  # noqa: ANN401 -- PyTorch's.
    import torch  # noqa: PLC0415 -- Heavy.

    return torch.nn.functional.normalize(vectors @ matrix, dim=1)
