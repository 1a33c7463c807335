"""The models that come with BugFlow, with the encoder that they were trained on."""

from pathlib import Path

import pytest

from bugflow.ml.contract import Report
from bugflow.ml.encoder import OnnxEncoder, open_encoder
from bugflow.ml.triage.examples import Target
from bugflow.ml.triage.model import TriageModel
from bugflow.ml.triage.starter import find_starter

HOSTILE = (
    "",
    "x",
    "\0\x1b[31m\u202e\ud800",
    "保存時にクラッシュする",
    "at a.b.C.d(E.java:7)\n" * 500,
    "word " * 200_000,
)
TELLING: dict[Target, list[tuple[str, str]]] = {
    "severity": [("Typo on the settings page", "low"), ("Small typo in the tooltip", "low")],
    "team": [
        ("API returns 500 for large queries", "Backend"),
        ("The dialog's OK button is cut off in dark mode", "Frontend"),
        ("Push notification is not shown on Android 12", "Mobile"),
        ("Docker build fails on CI since yesterday", "DevOps"),
    ],
}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    return open_encoder(tmp_path_factory.mktemp("models"))


@pytest.fixture
def starter(target: Target, encoder: OnnxEncoder) -> TriageModel:
    folder = find_starter(target)
    assert folder is not None
    return TriageModel.load(folder, encoder=encoder)


@pytest.mark.parametrize("target", ["severity", "team"])
def test_a_starter_fits_the_packaged_encoder_and_answers_any_text(starter: TriageModel) -> None:
    said = starter.suggest([Report(text[:100], text) for text in HOSTILE])
    assert {each.label for each in said} <= set(starter.classes)
    assert all(0 <= each.probability <= 1 for each in said)


@pytest.mark.parametrize("target", ["severity", "team"])
def test_a_starter_reads_what_a_report_is_about(target: Target, starter: TriageModel) -> None:
    found = starter.suggest([Report(text, text) for text, _ in TELLING[target]])
    assert [each.label for each in found] == [label for _, label in TELLING[target]]


@pytest.mark.parametrize("target", ["team"])
def test_a_starter_says_why(starter: TriageModel) -> None:
    [first, *_] = starter.explain(Report("Docker build fails on CI"), "DevOps")
    assert first.what.casefold() == "docker"
    assert first.weight > 0


def test_there_are_only_starters_that_have_a_card() -> None:
    card = Path(__file__).parents[3] / "src/bugflow/ml/triage/starter/CARD.md"
    assert "## Limits" in card.read_text()
    assert find_starter("priority") is None
