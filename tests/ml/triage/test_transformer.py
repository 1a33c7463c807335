"""What a fine-tuned transformer does beyond the contract of every back-end: it is served without PyTorch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bugflow.ml.artifacts import ArtifactError, read_json, write_json
from bugflow.ml.contract import Classifier, Report
from bugflow.ml.triage.transformer import TransformerClassifier
from ml.finetuning.tiny import DEEDS, build_task, choose_options, write_base

DECIDING = {*DEEDS, "never", "always"}
SERVING = """
import json, sys
from pathlib import Path
from bugflow.ml.contract import Report
from bugflow.ml.triage.transformer import TransformerClassifier
classifier = TransformerClassifier.load(Path(sys.argv[1]))
report = Report("crash always", "on the page")
shares = classifier.predict_probabilities([report])[0].tolist()
reasons = [reason.what for reason in classifier.explain(report, "high", most=2)]
classifier.save(Path(sys.argv[2]))
heavy = sorted({"torch", "transformers", "accelerate", "onnx"} & sys.modules.keys())
print(json.dumps({"shares": shares, "reasons": reasons, "heavy": heavy}))
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny DistilBERT with random weights."""
    return write_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> TransformerClassifier:
    """A classifier that has learned the task."""
    reports, labels = build_task(400, seed=1)
    # With these it learns the task with any number of threads and any seed; with fewer steps, sometimes not.
    options = choose_options(base, epochs=8, learning_rate=3e-3)
    return TransformerClassifier(options, tmp_path_factory.mktemp("work")).fit(reports, labels)


@pytest.fixture
def saved(trained: TransformerClassifier, tmp_path: Path) -> Path:
    """The folder of the saved classifier."""
    folder = tmp_path / "saved"
    folder.mkdir()
    trained.save(folder)
    return folder


def test_it_learns_what_no_single_word_tells(trained: TransformerClassifier) -> None:
    reports, labels = build_task(300, seed=2)
    said = trained.predict_probabilities(reports).argmax(axis=1)
    assert isinstance(trained, Classifier)
    assert np.mean([trained.classes_[column] == label for column, label in zip(said, labels, strict=True)]) > 0.9


def test_reports_judged_in_batches_and_at_once_come_back_in_their_order(
    trained: TransformerClassifier, saved: Path
) -> None:
    reports, _ = build_task(30, seed=4)
    reports = [Report(each.title, each.description * (row % 3)) for row, each in enumerate(reports)]
    batched = TransformerClassifier.load(saved, batch_size=4, threads=2).predict_probabilities(reports)
    assert np.allclose(batched, trained.predict_probabilities(reports), atol=0.1)


def test_the_words_that_decide_are_mostly_the_first_reasons(trained: TransformerClassifier) -> None:
    reports, labels = build_task(30, seed=9)
    first = [trained.explain(report, label, most=1) for report, label in zip(reports, labels, strict=True)]
    found = [reason.what in DECIDING and reason.weight > 0 for reasons in first for reason in reasons]
    assert np.mean(found) > 0.7  # Two of six words decide.


def test_it_says_how_it_was_trained_and_how_near_int8_comes(trained: TransformerClassifier, saved: Path) -> None:
    training = read_json(saved / "classifier.json")["training"]
    assert training == trained.description_
    assert training["precision"] == "int8"
    assert training["int8_agreement"] >= 0.97
    assert training["held_out_macro_f1"] > 0.9
    assert training["reports"] + training["held_out_reports"] == 400
    assert training["options"]["learning_rate"] == 3e-3


def test_it_is_served_and_kept_without_pytorch(trained: TransformerClassifier, saved: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    done = subprocess.run(  # noqa: S603 -- Our own program.
        [sys.executable, "-c", SERVING, str(saved), str(copy)], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert answer["heavy"] == []
    assert answer["shares"] == pytest.approx(
        trained.predict_probabilities([Report("crash always", "on the page")])[0].tolist(), abs=1e-5
    )
    expected = trained.explain(Report("crash always", "on the page"), "high", most=2)
    assert answer["reasons"] == [reason.what for reason in expected]
    assert {each.name: each.read_bytes() for each in copy.iterdir()} == {
        each.name: each.read_bytes() for each in saved.iterdir()
    }


def test_int8_that_says_something_else_is_not_served(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bugflow.ml.finetuning.exporting.LEAST_AGREEMENT", 1.01)
    reports, labels = build_task(40, seed=1)
    classifier = TransformerClassifier(choose_options(base, epochs=1, held_out=0.0), tmp_path).fit(reports, labels)
    assert classifier.description_["precision"] == "fp32"
    assert 0 <= classifier.description_["int8_agreement"] <= 1
    assert sorted(each.name for each in classifier._network.folder.iterdir()) == [
        "figures.json",
        "model.onnx",
        "tokenizer.json",
    ]


def test_labels_that_do_not_fit_the_network_are_refused(saved: Path) -> None:
    content = read_json(saved / "classifier.json")
    write_json(saved / "classifier.json", content | {"classes": ["high", "low"]})
    with pytest.raises(ArtifactError, match="3 labels instead of 2"):
        TransformerClassifier.load(saved)
    write_json(saved / "classifier.json", content | {"format": 99})
    with pytest.raises(ArtifactError, match="another version"):
        TransformerClassifier.load(saved)
