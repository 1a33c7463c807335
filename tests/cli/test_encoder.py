"""`bugflow encoder` with the weights of the extra `offline`, as a person and as a program use it."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bugflow.cli.main import app
from bugflow.ml.encoder.encoding import OnnxEncoder
from bugflow.ml.encoder.errors import NotPreparedError, UnsuitableWeightsError
from bugflow.ml.encoder.weights import find_packaged
from factories.encoders import write_weights


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["encoder", *arguments])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BUGFLOW_ENCODER", raising=False)
    return tmp_path / "home"


@pytest.mark.skipif(find_packaged() is None, reason="the extra `offline` is not installed")
def test_the_packaged_weights_are_prepared_shown_and_tell_meanings_apart(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = json.loads(run("prepare", "--json").stdout)
    assert (prepared["precision"], prepared["dimensions"]) == ("int8", 384)
    assert prepared["lowest_cosine_to_the_weights"] >= 0.98
    assert 20 < prepared["size_mb"] < 30
    assert Path(prepared["folder"]).is_relative_to(home / "models")
    shown = json.loads(run("show", "--json").stdout)
    assert (shown["name"], shown["folder"]) == (prepared["name"], prepared["folder"])

    crash, same, other = OnnxEncoder.open(Path(prepared["folder"])).encode(
        ["The application crashes when I save a file", "Program dies on saving a document", "Change the logo's colour"]
    )
    assert np.dot(crash, same) > 0.5 > np.dot(crash, other)

    monkeypatch.setenv("BUGFLOW_ENCODER", prepared["folder"])
    page = run("show").stdout
    assert prepared["name"] in page
    assert "made of" in page


def test_an_encoder_that_is_not_prepared_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_ENCODER", str(write_weights(tmp_path / "weights")))
    assert isinstance(run("show").exception, NotPreparedError)


def test_a_folder_without_weights_is_refused(tmp_path: Path, home: Path) -> None:
    assert isinstance(run("prepare", "--from", str(tmp_path)).exception, UnsuitableWeightsError)
    assert not home.exists()
