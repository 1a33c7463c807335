"""`bugflow train duplicates`, as a person uses it."""

import json
from pathlib import Path

import polars as pl
import pytest

from bugflow.ml.duplicates.ranker import Ranker
from bugflow.ml.duplicates.starter import FOLDER
from factories.commands import run_command
from factories.encoders import BagEncoder
from factories.trackers import write_tracker


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugflow.cli.ranking.find_encoder", BagEncoder)


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tracker(tmp_path_factory.mktemp("tracker") / "past.parquet", issues=320)


def test_what_was_learned_is_printed_and_kept(
    tracker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ranker"
    assert run_command("train", "duplicates", "--data", str(tracker), "--out", str(out), monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    assert "tried on" in told
    assert "Recall@10" in told
    assert "past.parquet" in (out / "CARD.md").read_text()
    assert Ranker.load(out).ranking.num_trees() > Ranker.load(FOLDER).ranking.num_trees()
    assert run_command("train", "duplicates", "--data", str(tracker), "--out", str(out), monkeypatch=monkeypatch) == 4
    assert "not empty" in capsys.readouterr().err


@pytest.mark.parametrize("better", [True, False])
def test_only_what_is_better_is_used(
    *,
    better: bool,
    tracker: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path))
    assert run_command("db", "upgrade", monkeypatch=monkeypatch) == 0
    monkeypatch.setattr("bugflow.ml.duplicates.adapting.Adaptation.is_better", better)
    assert run_command("train", "duplicates", "--data", str(tracker), "--use", monkeypatch=monkeypatch) == 0
    assert ("used from now on" in capsys.readouterr().out) == better
    assert run_command("models", "list", "--json", monkeypatch=monkeypatch) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["type"], row["used"]) for row in rows] == [("duplicates", True)] * better
    assert all(0 <= row["recall_at_10"] <= 1 for row in rows)


def test_an_installation_that_merged_little_is_told_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = {"issue_id": ["A", "B"], "title": ["Crash", "Crash"], "created_at": ["2024-01-01", "2024-01-02"]}
    data = tmp_path / "few.csv"
    pl.DataFrame(frame | {"duplicate_of": [None, "A"]}).write_csv(data)
    assert run_command("train", "duplicates", "--data", str(data), monkeypatch=monkeypatch) == 2
    assert "50 are needed" in " ".join(capsys.readouterr().err.split())


def test_without_an_encoder_nothing_is_taught(
    tracker: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bugflow.cli.ranking.find_encoder", lambda: None)
    assert run_command("train", "duplicates", "--data", str(tracker), monkeypatch=monkeypatch) == 2
    assert "Without an encoder" in capsys.readouterr().err


def test_own_issues_are_learned_for_use_as_every_other_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("BUGFLOW_ENCODER", "nobody/has-this")
    assert run_command("db", "upgrade", monkeypatch=monkeypatch) == 0
    assert run_command("train", "duplicates", "--use", "--out", str(tmp_path / "r"), monkeypatch=monkeypatch) == 2
    assert "Leave out --out" in " ".join(capsys.readouterr().err.split())
    assert run_command("train", "duplicates", "--use", monkeypatch=monkeypatch) == 4
    assert "Without an encoder" in " ".join(capsys.readouterr().err.split())
    assert run_command("models", "trainings", "duplicates", "--json", monkeypatch=monkeypatch) == 0
    assert json.loads(capsys.readouterr().out) == []  # It is not even begun.
