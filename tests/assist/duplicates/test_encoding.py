"""`bugflow duplicates index` and the encoder of the jobs."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bugflow.assist.duplicates.encoding import AGAIN_SECONDS, EncoderOnDemand, EncoderSight
from bugflow.cli.duplicates import app
from bugflow.core.database import Database
from bugflow.core.storage import open_storage
from bugflow.ml.encoder.preparation import prepare_encoder
from bugflow.ml.encoder.weights import find_weights
from bugflow.mlops.serving.host import ModelHost
from bugflow.mlops.serving.options import ServingOptions
from factories.encoders import HashEncoder, write_weights
from factories.settings import build_settings
from factories.workplace import build_workplace


def test_the_command_writes_what_is_missing_and_says_how_much(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.transaction() as session:
        workplace = build_workplace(session)
        for _ in range(3):
            workplace.report(session)
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("BUGFLOW_ENCODER", str(tmp_path / "none"))

    def run(*arguments: str) -> dict[str, object]:
        result = CliRunner().invoke(app, ["index", "--json", *arguments])
        assert result.exit_code == 0, result.output
        found: dict[str, object] = json.loads(result.stdout)
        return {name: found[name] for name in ("issues", "written", "encoder")}

    assert run() == {"issues": 3, "written": 3, "encoder": None}
    assert run() == {"issues": 3, "written": 0, "encoder": None}
    assert run("--anew") == {"issues": 3, "written": 3, "encoder": None}
    assert "3 issues, 0 profiles written" in CliRunner().invoke(app, ["index"]).stdout


def test_an_encoder_that_is_not_prepared_yet_is_tried_again_later_and_then_kept(tmp_path: Path) -> None:
    weights = write_weights(tmp_path / "weights")
    now = [0.0]
    settings = build_settings(tmp_path / "home", encoder=str(weights))
    asked = EncoderOnDemand(settings, clock=lambda: now[0])
    assert asked.find() is None
    prepare_encoder(settings.models_folder, find_weights(str(weights)))
    assert asked.find() is None
    now[0] += AGAIN_SECONDS
    first = asked.find()
    assert first is not None
    assert asked.find() is first


def test_an_encoder_is_in_sight_where_it_is_prepared_or_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights, now = tmp_path / "weights", [0.0]
    settings = build_settings(tmp_path / "home", encoder=str(weights))
    sight = EncoderSight(settings, clock=lambda: now[0])
    assert not sight.is_there()
    write_weights(weights)
    assert not sight.is_there()
    now[0] += AGAIN_SECONDS
    assert sight.is_there()
    monkeypatch.setattr("bugflow.ml.encoder.preparation.LIBRARIES", ("no_such_library",))
    now[0] += AGAIN_SECONDS
    assert not sight.is_there()
    monkeypatch.undo()
    prepare_encoder(settings.models_folder, find_weights(str(weights)))
    monkeypatch.setattr("bugflow.ml.encoder.preparation.LIBRARIES", ("no_such_library",))
    now[0] += AGAIN_SECONDS
    assert sight.is_there()


def test_the_encoder_of_the_predictions_is_borrowed_and_none_is_opened(tmp_path: Path) -> None:
    models = ModelHost(
        open_storage("memory://"), ServingOptions(cache_folder=tmp_path, open_encoder=HashEncoder, targets=())
    )
    assert models.shelf.find_encoder() is None
    opened = models.shelf.open_encoder()
    assert models.shelf.find_encoder() is opened
