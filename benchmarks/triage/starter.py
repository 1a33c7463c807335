"""Trains the starter models that come with BugFlow, and says how good they are on trackers they have not seen.

    python benchmarks/triage/starter.py --data ../shared/data/issues --out src/bugflow/ml/triage/starter

Each tracker is divided by time: 70 % train, 15 % calibrate, 15 % test. How sure a model may be is learned from trackers
that it was not trained on, one after the other, since that is what a new installation is.
"""

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bugflow.ml.calibration import index_labels
from bugflow.ml.contract import Classifier, Encoder, Probabilities, Report
from bugflow.ml.encoder.keeping import open_kept_encoder
from bugflow.ml.evaluation import score
from bugflow.ml.triage.encoder import EncoderClassifier
from bugflow.ml.triage.examples import Examples, Partition, Target, partition
from bugflow.ml.triage.keyword import (
    SEVERITY_MEANINGS,
    SEVERITY_RULES,
    TEAM_MEANINGS,
    TEAM_RULES,
    KeywordClassifier,
)
from bugflow.ml.triage.model import TriageModel
from bugflow.ml.triage.training import combine_members

LABELS: Mapping[Target, tuple[str, ...]] = {
    "severity": ("critical", "high", "low", "medium"),
    "team": ("Backend", "DevOps", "Frontend", "Mobile"),
}
SEVERITY_SETS = ("mozilla_bugzilla_titles", "eclipse_bugzilla_titles", "nasa_pits")
TEAM_SETS = ("apache_jira", "titanium_jira", "jquery_trac", "eclipse_bugzilla_titles")
TEAM_OF: Mapping[str, str] = {
    # Servers and stores, and what is asked of them.
    **dict.fromkeys(("Broker", "Query Processor", "namenode", "datanode", "Metastore", "HiveServer2"), "Backend"),
    **dict.fromkeys(("resourcemanager", "nodemanager", "Transactions", "server", "JDBC", "Message Store"), "Backend"),
    **dict.fromkeys(("storm-core", "mrv2", "security", "hdfs-client", "quorum", "Transport"), "Backend"),
    # What people see and touch in a window or a browser.
    **dict.fromkeys(("css", "effects", "ui", "interface", "event", "selector", "dimensions", "offset"), "Frontend"),
    **dict.fromkeys(("attributes", "manipulation", "Platform::UI", "Platform::SWT", "JDT::UI"), "Frontend"),
    **dict.fromkeys(("EGit::UI", "PDE::UI", "Capella::UI", "Capella::Diagram", "Sirius::Diagram"), "Frontend"),
    # Telephones and tablets.
    **dict.fromkeys(("iOS", "Android", "BlackBerry", "MobileWeb"), "Mobile"),
    # Building, shipping and keeping things running.
    **dict.fromkeys(("build", "Build Infrastructure", "Testing Infrastructure", "scripts", "contrib/hod"), "DevOps"),
    **dict.fromkeys(("Community::CI-Jenkins", "Platform::Releng", "Capella::Releng", "Kitalpha::Build"), "DevOps"),
    **dict.fromkeys(("Community::Servers", "Community::Git", "Community::Gerrit", "Release"), "DevOps"),
}
"""Which of the four teams would take a component's bugs; those of which one cannot say it are left out."""
MOST_OF_LABEL = 1_200
"""Of a tracker: no tracker and no label should drown the others."""
LEAST_OF_TRACKER = 200


@dataclass(frozen=True)
class Tracker:
    """One tracker's labelled reports, divided by time."""

    name: str
    parts: Partition


def read_tracker(path: Path, target: Target, *, seed: int) -> Tracker:
    """Return a tracker's reports with our labels, the oldest first."""
    frame = pl.read_parquet(path).with_columns(pl.col("title", "description").fill_null(""))
    frame = frame.unique(subset=["title", "description"], keep="first", maintain_order=True)
    if frame["created_at"].null_count() < len(frame) / 2:
        frame = frame.sort("created_at", maintain_order=True)
    column = "severity" if target == "severity" else "component"
    rows = frame.select("title", "description", column).rows()
    found = [
        (Report(title, text), label) for title, text, given in rows for label in _find_labels(target, given, title)
    ]
    generator = np.random.default_rng(seed)
    kept = sorted(
        int(row)
        for label in LABELS[target]
        for row in _draw([index for index, (_, each) in enumerate(found) if each == label], generator)
    )
    reports = tuple(_vary(found[row][0], row) for row in kept)
    return Tracker(path.stem, partition(Examples(reports, tuple(found[row][1] for row in kept)), [None] * len(kept)))


def _find_labels(target: Target, given: str | None, title: str) -> Iterator[str]:
    if target == "severity":
        if given is not None and given.lower() in SEVERITY_MEANINGS:
            yield SEVERITY_MEANINGS[given.lower()]
        return
    by_component = TEAM_OF.get(given or "")
    by_words = TEAM_RULES.find_label(Report(title))
    if by_component is not None and by_words in {None, by_component}:
        yield by_component
    elif by_component is None and by_words is not None:
        yield by_words


def _draw(rows: Sequence[int], generator: np.random.Generator) -> Sequence[int]:
    return (
        rows
        if len(rows) <= MOST_OF_LABEL
        else [int(row) for row in generator.choice(rows, MOST_OF_LABEL, replace=False)]
    )


def _vary(report: Report, row: int) -> Report:
    """Every other report that is a title alone has it as its text too, as one that comes as a description alone."""
    return Report(report.title, report.title) if not report.description and row % 2 else report


def train(target: Target, trackers: Sequence[Tracker], encoder: Encoder) -> tuple[TriageModel, dict[str, object]]:
    """Return the starter model and its figures."""
    classes = LABELS[target]
    calibrating: dict[str, list[Probabilities]] = {}
    unseen: dict[str, list[Probabilities]] = {}
    for tracker in trackers:
        members = _fit(target, [each for each in trackers if each is not tracker], encoder)
        for name, member in members.items():
            calibrating.setdefault(name, []).append(_spread(member, tracker.parts.calibration.reports, classes))
            unseen.setdefault(tracker.name, []).append(_spread(member, tracker.parts.test.reports, classes))
    labels = [label for tracker in trackers for label in tracker.parts.calibration.labels]
    order = np.random.default_rng(0).permutation(len(labels))  # Trackers are mixed: none is the newest.
    said = {name: np.vstack(each)[order] for name, each in calibrating.items()}
    model = combine_members(target, _fit(target, trackers, encoder), said, [labels[row] for row in order])
    figures: dict[str, object] = {"classes": list(classes), "trackers": {}}
    for tracker in trackers:
        labels = list(tracker.parts.test.labels)
        truth = index_labels(labels, classes)
        ways = {
            "unseen": model.pool.combine(unseen[tracker.name]),
            "seen": model.predict_probabilities(tracker.parts.test.reports),
        }
        majority = Counter(tracker.parts.train.labels).most_common(1)[0][0]
        figures["trackers"][tracker.name] = {  # type: ignore[index]
            "train": len(tracker.parts.train),
            "test": len(labels),
            "majority_accuracy": labels.count(majority) / len(labels),
            **{way: _describe(each, truth, classes, model) for way, each in ways.items()},
        }
    return model, figures


def _fit(target: Target, trackers: Sequence[Tracker], encoder: Encoder) -> dict[str, Classifier]:
    reports = [report for tracker in trackers for report in tracker.parts.train.reports]
    labels = [label for tracker in trackers for label in tracker.parts.train.labels]
    severity = KeywordClassifier(SEVERITY_RULES, {each: each for each in LABELS["severity"]})
    keyword = severity if target == "severity" else KeywordClassifier(TEAM_RULES, TEAM_MEANINGS)
    return {
        "keyword": keyword.fit(reports, labels),
        "encoder": EncoderClassifier(encoder, balanced=True).fit(reports, labels),
    }


def _spread(model: Classifier, reports: Sequence[Report], classes: Sequence[str]) -> Probabilities:
    """Return probabilities of all classes, a trace for those that the model has not seen."""
    shares = np.full((len(reports), len(classes)), 1e-4)
    shares[:, [classes.index(label) for label in model.classes_]] = model.predict_probabilities(reports)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _describe(
    probabilities: Probabilities, truth: np.ndarray, classes: tuple[str, ...], model: TriageModel
) -> dict[str, object]:
    scores = score(probabilities, truth, classes, model.speaking)
    return {
        "accuracy": round(scores.accuracy, 3),
        "macro_f1": round(scores.macro_f1, 3),
        "ece": round(scores.ece, 3),
        "coverage": round(scores.coverage, 3),
        "selective_precision": None if scores.selective_precision is None else round(scores.selective_precision, 3),
    }


def main() -> None:
    """Train both and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/issues"))
    parser.add_argument("--out", type=Path, required=True, help="Folder whose `severity` and `team` are replaced.")
    parser.add_argument(
        "--models", type=Path, default=Path.home() / ".bugflow/models", help="Keeps encoder and vectors."
    )
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    encoder = open_kept_encoder(chosen.models)
    sets: Mapping[Target, Sequence[str]] = {"severity": SEVERITY_SETS, "team": TEAM_SETS}
    for target, names in sets.items():
        read = [read_tracker(chosen.data / f"{name}.parquet", target, seed=chosen.seed) for name in names]
        trackers = [each for each in read if len(each.parts.train) >= LEAST_OF_TRACKER]
        model, figures = train(target, trackers, encoder)
        folder = chosen.out / target
        shutil.rmtree(folder, ignore_errors=True)
        model.save(folder)
        print(target, json.dumps(figures, indent=1))
        print(
            {
                label: (None if np.isinf(t) else round(float(t), 3))
                for label, t in zip(model.classes, model.speaking.least, strict=True)
            }
        )


if __name__ == "__main__":
    main()
