"""Measures what hearing corrections of similar reports costs a prediction.

    PYTHONPATH=benchmarks/learning python benchmarks/learning/cost.py --corrections 1000

Vectors are drawn, and encoding takes no time: what a prediction pays beside that. Once where nothing is near, and once
where a corrected report is asked about again.
"""

import argparse
import time
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from offices import Office, open_office

from bugflow.assist.duplicates.profiling import profile_backlog
from bugflow.assist.intake.nearby import NearbyCorrections
from bugflow.assist.intake.predicting import Case, read_draft
from bugflow.ml.contract import Report, Vectors
from bugflow.mlops.serving.opinions import Opinion

LABELS = ("Backend", "Frontend", "Mobile", "Tooling")
ROUNDS = 200
UNSURE = Opinion(label="Backend", band="unsure", method="linear", confidence=0.4)


class DrawnVectors:
    """Gives each text a vector of its own in no time."""

    name = "drawn"
    n_dims = 384

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return vectors drawn by the texts' hashes; a report's whole text and its parts are near each other."""
        vectors = np.stack([self._draw(text.split("\n")[0]) for text in texts])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)

    def _draw(self, text: str) -> Vectors:
        seed = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        return np.random.default_rng(seed).normal(size=self.n_dims).astype(np.float32)


def read_case(office: Office, title: str) -> Case:
    """Return a draft as a prediction reads it."""
    with office.database.snapshot() as session:
        return read_draft(
            session, office.manager, description=f"{title}\nIt fails at once.", project_reference="BUG", title=title
        )


def measure(nearby: NearbyCorrections, office: Office, case: Case) -> tuple[str | None, list[float]]:
    """Return the label after a prediction was revised, and the milliseconds of processor time of many rounds."""
    taken, label = [], None
    for _ in range(ROUNDS):
        started = time.thread_time()
        label = nearby.revise(office.manager, case, {"component": UNSURE})["component"].label
        taken.append((time.thread_time() - started) * 1000)
    return label, taken


def main() -> None:
    """Correct many issues, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corrections", type=int, default=1000)
    chosen = parser.parse_args()
    encoder = DrawnVectors()
    with TemporaryDirectory() as place:
        office = open_office(Path(place) / "office", LABELS)
        titles = [f"Report number {number} about part {number * 7}" for number in range(chosen.corrections)]
        labels = [LABELS[1 + number % 3] for number in range(chosen.corrections)]
        numbers = office.file([Report(title, "It fails.") for title in titles], labels, ["Backend"] * len(titles))
        office.say(numbers, ["Backend"] * len(titles), labels, actor=office.manager)
        profile_backlog(office.database, encoder)
        nearby = NearbyCorrections(office.database, find_encoder=lambda: encoder)
        started = time.perf_counter()
        nearby.revise(office.manager, read_case(office, "The first"), {"component": UNSURE})
        print(f"the first, which loads {chosen.corrections:,}: {(time.perf_counter() - started) * 1000:.1f} ms")
        for what, title in (("nothing near", "Nothing like it"), ("one near", titles[-1])):
            label, taken = measure(nearby, office, read_case(office, title))
            print(f"{what} ({label}): p50 {np.median(taken):.2f} ms, p95 {np.quantile(taken, 0.95):.2f} ms")
        office.database.dispose()


if __name__ == "__main__":
    main()
