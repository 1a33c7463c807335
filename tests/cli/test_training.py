"""`bugflow train`, as a person uses it."""

import json
from pathlib import Path

import polars as pl
import pytest

from bugflow.ml.contract import Report
from bugflow.ml.triage.model import TriageModel
from factories.commands import run_command
from ml.finetuning.tiny import write_base

WORDS = {"UI": "button is too wide", "Server": "request times out", "Build": "compiler warns"}


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_ENCODER", "nobody/has-this")


def write_reports(path: Path, count: int = 600) -> Path:
    labels = [list(WORDS)[number % 3] for number in range(count)]
    titles = [f"{WORDS[label]} in case {number}" for number, label in enumerate(labels)]
    pl.DataFrame({"title": titles, "component": labels}).write_parquet(path)
    return path


def test_a_trained_model_is_shown_beside_the_baselines_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_reports(tmp_path / "reports.parquet"), tmp_path / "model"
    assert run_command("train", "component", "--data", str(data), "--out", str(out), monkeypatch=monkeypatch) == 0
    told = capsys.readouterr().out
    assert "majority" in told
    assert "ensemble" in told
    assert "| UI | 1.000 | 1.000 |" in (out / "CARD.md").read_text()
    [said] = TriageModel.load(out).suggest([Report("The button is wide")])
    assert (said.label, said.band) == ("UI", "sure")


def test_a_fine_tuned_network_can_be_one_member_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_reports(tmp_path / "reports.parquet"), tmp_path / "model"
    options = {
        "--data": data,
        "--backend": "everything",
        "--base": write_base(tmp_path / "base"),
        "--epochs": 1,
        "--max-length": 32,
        "--work": tmp_path / "work",
        "--out": out,
    }
    arguments = [str(part) for option in options.items() for part in option]
    assert run_command("train", "component", *arguments, "--no-gpu", monkeypatch=monkeypatch) == 0
    assert "everything" in " ".join(capsys.readouterr().out.split())
    model = TriageModel.load(out)
    assert model.method == "linear+presence+transformer"
    assert model.hurried is not None
    assert model.hurried.method == "linear+presence"
    [said] = model.suggest([Report("The button is wide")])
    assert said.label == "UI"


def test_a_prepared_folder_is_read_and_its_split_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = pl.read_parquet(write_reports(tmp_path / "reports.parquet"))
    folder = tmp_path / "prepared"
    folder.mkdir()
    for name, rows in (("train", slice(0, 400)), ("valid", slice(400, 500)), ("test", slice(500, 600))):
        frame[rows].with_columns(split=pl.lit(name)).write_parquet(folder / f"{name}.parquet")
    arguments = ("train", "component", "--data", str(folder), "--backend", "linear")
    assert run_command(*arguments, monkeypatch=monkeypatch) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "trained on 400 reports, calibrated on 100 and trained again with them, tested on 100 (split: given)" in told


def test_no_more_samples_than_wanted_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reports(tmp_path / "reports.parquet")
    arguments = ("train", "component", "--data", str(data), "--backend", "presence", "--samples", "200")
    assert run_command(*arguments, monkeypatch=monkeypatch) == 0
    assert "trained on 140 reports" in " ".join(capsys.readouterr().out.split())


def test_a_model_is_not_written_over_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "letter.txt").write_text("kept")
    data = write_reports(tmp_path / "reports.parquet")
    arguments = ("train", "component", "--data", str(data), "--out", str(tmp_path / "model"))
    assert run_command(*arguments, monkeypatch=monkeypatch) == 4
    assert "not empty" in capsys.readouterr().err
    assert (tmp_path / "model" / "letter.txt").read_text() == "kept"


def test_a_baseline_cannot_be_trained_to_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reports(tmp_path / "reports.parquet")
    assert run_command("train", "component", "--data", str(data), "--backend", "tfidf", monkeypatch=monkeypatch) == 2
    assert "only compared with" in capsys.readouterr().err


def test_a_model_that_is_to_be_used_becomes_the_next_version_and_can_be_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    data = write_reports(tmp_path / "reports.parquet")
    assert run_command("train", "component", "--data", str(data), "--use", monkeypatch=monkeypatch) != 0
    assert run_command("db", "upgrade", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    for version in ("1.0.0", "1.1.0"):
        arguments = ("train", "component", "--data", str(data), "--backend", "linear", "--use")
        assert run_command(*arguments, monkeypatch=monkeypatch) == 0
        assert f"component/{version}/" in capsys.readouterr().out
    assert list_used(monkeypatch, capsys) == {"1.1.0": True, "1.0.0": False}
    assert run_command("models", "show", "component", "1.0.0", monkeypatch=monkeypatch) == 0
    assert "Learned from reports.parquet: 420 reports trained" in " ".join(capsys.readouterr().out.split())
    assert run_command("models", "promote", "component", "1.0.0", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    assert list_used(monkeypatch, capsys) == {"1.1.0": False, "1.0.0": True}
    assert run_command("models", "promote", "component", "starter", monkeypatch=monkeypatch) == 0
    capsys.readouterr()
    assert list_used(monkeypatch, capsys) == {"1.1.0": False, "1.0.0": False}
    assert run_command("models", "history", "component", "--json", monkeypatch=monkeypatch) == 0
    told = [(row["verb"], (row["version"] or "").split("/")[1:2]) for row in json.loads(capsys.readouterr().out)]
    assert told == [("used", []), ("used", ["1.0.0"]), ("used", ["1.1.0"]), ("used", ["1.0.0"])]


def list_used(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, bool]:
    assert run_command("models", "list", "--json", monkeypatch=monkeypatch) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["type"] == "component" and row["accuracy"] == 1.0 for row in rows)
    return {row["version"]: row["used"] for row in rows}


def test_a_version_that_does_not_exist_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    assert run_command("models", "promote", "severity", "7.0.0", monkeypatch=monkeypatch) == 3
    assert "severity 7.0.0" in capsys.readouterr().err
    assert run_command("models", "list", monkeypatch=monkeypatch) == 0
    assert "There are none" in capsys.readouterr().out
