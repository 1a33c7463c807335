r"""Tries what corrections of similar reports say at once, on a stream of real reports and a model that is frozen.

    python benchmarks/learning/nearby.py --data ../shared/data/issues --models DIR --figures FILE \
        --set jquery_trac:component:4000:2000 --set titanium_jira:component:4000:2000

Each set is FILE:TARGET:STREAM:TRAIN: the newest STREAM labelled reports come one after the other, and a model has
learned from the TRAIN before them, by its encoder alone. What it guesses wrong is corrected ten reports later (with
`--confirmed`, a share of what it guesses right is confirmed, too); the latest 1,000 of these are heard. Printed is how
often neighbours say something else than the model, how often they are right then, and how often the model was.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.contract import Encoder, Report, Vectors
from bugflow.ml.duplicates.profiles import join_text
from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.text import clean_report
from bugflow.ml.triage.backends import MAJORITY, Workshop, choose_backends
from bugflow.ml.triage.encoded import LONGEST_PROSE
from bugflow.ml.triage.evaluating import evaluate
from bugflow.ml.triage.examples import Examples, Partition, Target, read_examples
from bugflow.ml.triage.model import Suggestion
from bugflow.ml.triage.neighbours import Hearing, Neighbour, join_parts, vote
from bugflow.ml.triage.training import build_model

BACKEND = "encoder"
CALIBRATING = 0.2
HEARD, DELAY, AT_ONCE = 1_000, 10, 500
STEPS = tuple((least, cosine) for least in (1, 2, 3) for cosine in (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9))


@dataclass(frozen=True)
class Stream:
    """Reports in the order of time, what was said of them, and their vectors."""

    truth: tuple[str, ...]
    said: list[Suggestion]
    texts: Vectors
    first_looks: Vectors


def read_stream(path: Path, target: Target, encoder: Encoder, *, count: int, trained: int) -> Stream:
    """Return the newest reports of a file, and what a model says of them that learned from those before."""
    examples, _ = read_examples(path, target)
    rows: NDArray[np.int_] = np.arange(len(examples))
    older, newest = examples.take(rows[-count - trained : -count]), examples.take(rows[-count:])
    said = ask_frozen(older, newest, target, encoder)
    cleaned = [clean_report(each.title, each.description) for each in newest.reports]
    texts = encoder.encode([join_text(each) for each in cleaned])
    parts = [[part for part in (each.title, each.prose[:LONGEST_PROSE]) if part] or [" "] for each in cleaned]
    first_looks = np.stack([join_parts(encoder.encode(each)) for each in parts])
    return Stream(newest.labels, said, texts, first_looks)


def ask_frozen(older: Examples, newest: Examples, target: Target, encoder: Encoder) -> list[Suggestion]:
    """Return what a model that learned from the older reports says of the newest."""
    cut = len(older) - round(len(older) * CALIBRATING)
    rows: NDArray[np.int_] = np.arange(len(older))
    data = Partition(older.take(rows[:cut]), older.take(rows[cut:]), newest, "time")
    learners = Workshop(encoder=encoder).list_learners(target, data.train.labels)
    backends = choose_backends(list(learners), [MAJORITY, BACKEND])
    found = evaluate(target, data, {name: learners[name] for name in (MAJORITY, BACKEND)}, backends)
    model = build_model(target, {BACKEND: found.tried[BACKEND]}, data)
    reports: list[Report] = list(newest.reports)
    return [
        each for start in range(0, len(reports), AT_ONCE) for each in model.suggest(reports[start : start + AT_ONCE])
    ]


def list_neighbours(stream: Stream, *, confirmed: float, first_look: float) -> Iterator[list[Neighbour]]:
    """Yield for each report the corrected ones before it that are as near as that at first look."""
    generator = np.random.default_rng(0)
    wrong = np.array([each.label != truth for each, truth in zip(stream.said, stream.truth, strict=True)])
    rows: NDArray[np.int_] = np.flatnonzero(wrong | (generator.random(len(wrong)) < confirmed))
    for row in range(len(wrong)):
        known = rows[rows <= row - DELAY][-HEARD:]
        known = known[stream.texts[known] @ stream.first_looks[row] >= first_look]
        cosines = stream.texts[known] @ stream.texts[row]
        yield [
            Neighbour(str(other), stream.truth[other], float(cosine))
            for other, cosine in zip(known, cosines, strict=True)
        ]


def count_votes(stream: Stream, neighbours: list[list[Neighbour]], hearing: Hearing) -> dict[str, int]:
    """Return how often neighbours spoke, and who was right then."""
    names = ("changed", "then_right", "model_right", "agreed", "agreed_right", "against_sure", "against_sure_right")
    counts = dict.fromkeys(names, 0)
    for near, said, truth in zip(neighbours, stream.said, stream.truth, strict=True):
        is_sure = said.band == "sure"
        heard = vote(near, own=said.label, is_sure=is_sure, hearing=hearing)
        if heard is None:
            continue
        kind = "agreed" if heard.label == said.label else "against_sure" if is_sure else "changed"
        counts[kind] += 1
        counts["then_right" if kind == "changed" else f"{kind}_right"] += heard.label == truth
        counts["model_right"] += kind == "changed" and said.label == truth
    return counts


def try_set(stream: Stream, *, confirmed: float, first_look: float, every_step: bool) -> dict[str, Any]:
    """Return what comes of the rule that is used, and of each step by itself."""
    near = list(list_neighbours(stream, confirmed=confirmed, first_look=first_look))
    right = [said.label == truth for said, truth in zip(stream.said, stream.truth, strict=True)]
    found: dict[str, Any] = {
        "reports": len(right),
        "model_accuracy": float(np.mean(right)),
        "model_sure": float(np.mean([said.band == "sure" for said in stream.said])),
        "needs_text": float(np.mean([bool(each) for each in near])),
        "in_use": count_votes(stream, near, Hearing()),
    }
    if every_step:
        found["steps"] = {f"{step}": count_votes(stream, near, Hearing(steps=(step,))) for step in STEPS}
    return found


def describe(name: str, counts: dict[str, int], total: int) -> str:
    """Return a line of the table."""
    changed, agreed = max(counts["changed"], 1), max(counts["agreed"], 1)
    gain = counts["then_right"] - counts["model_right"]
    cells = (
        f"{counts['changed']:,} ({counts['changed'] / total:.1%})",
        f"{counts['then_right'] / changed:.2f}",
        f"{counts['model_right'] / changed:.2f}",
        f"{gain:+d} ({gain / total:+.2%})",
        f"{counts['agreed']:,}",
        f"{counts['agreed_right'] / agreed:.2f}",
        f"{counts['against_sure_right']} of {counts['against_sure']}",
    )
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Try each set, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="Folder of the trackers' Parquet files.")
    parser.add_argument("--models", type=Path, required=True, help="Where the encoder and its vectors are kept.")
    parser.add_argument("--set", action="append", required=True, help="FILE:TARGET:STREAM:TRAIN; may be repeated.")
    parser.add_argument("--confirmed", type=float, default=0.0, help="Share of the right guesses that are confirmed.")
    parser.add_argument("--first-look", type=float, default=0.65, help="From which cosine on whole texts are compared.")
    parser.add_argument("--every-step", action="store_true", help="Each step by itself, too.")
    parser.add_argument("--figures", type=Path, help="A file for the figures as JSON.")
    chosen = parser.parse_args()
    encoder = open_kept_encoder(chosen.models)
    figures = {}
    print("| | changed | then right | model right then | gain | agreed | then right | against sure |")
    print("|---" * 8 + "|")
    for wanted in chosen.set:
        name, target, count, trained = wanted.split(":")
        stream = read_stream(
            chosen.data / f"{name}.parquet", cast("Target", target), encoder, count=int(count), trained=int(trained)
        )
        found = try_set(stream, confirmed=chosen.confirmed, first_look=chosen.first_look, every_step=chosen.every_step)
        figures[wanted] = found
        print(describe(f"{name}, {target}", found["in_use"], found["reports"]), flush=True)
        for step, counts in found.get("steps", {}).items():
            print(describe(step, counts, found["reports"]))
    if chosen.figures is not None:
        chosen.figures.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
