"""`bugflow evaluate`, as a person and as a program use it."""

import json
from pathlib import Path

import polars as pl
import pytest

from factories.commands import run_command
from factories.trackers import write_tracker


@pytest.fixture(autouse=True)
def no_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_ENCODER", "nobody/has-this")


def write_reports(path: Path, count: int = 600) -> Path:
    words = {"critical": "crash on start", "high": "error in the log", "low": "typo in a label"}
    labels = [list(words)[number % 3] for number in range(count)]
    titles = [f"{words[label]} of part {number}" for number, label in enumerate(labels)]
    pl.DataFrame({"title": titles, "severity": labels}).write_parquet(path)
    return path


def test_figures_are_printed_for_people_and_written_for_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_reports(tmp_path / "reports.parquet"), tmp_path / "figures.json"
    arguments = ("evaluate", "triage", "--data", str(data), "--target", "severity", "--json", str(out))
    assert run_command(*arguments, monkeypatch=monkeypatch) == 0
    assert "keyword" in capsys.readouterr().out
    figures = json.loads(out.read_text())
    assert {"n_train", "n_test", "classes", "majority_accuracy", "results", "best"} <= figures.keys()
    assert (figures["n_train"], figures["n_test"]) == (420, 90)
    assert list(figures["results"]) == ["majority", "keyword", "tfidf", "linear", "presence", "ensemble"]
    wanted = {"accuracy", "macro_f1", "selective_precision", "coverage", "ece", "train_seconds", "ms_per_report"}
    assert all(wanted <= result.keys() for result in figures["results"].values())
    assert figures["results"]["linear"]["accuracy"] == 1.0
    assert figures["results"]["linear"]["coverage"] > 0.9


def test_one_back_end_is_tried_beside_the_baselines_and_printed_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reports(tmp_path / "reports.parquet")
    arguments = ("--data", str(data), "--target", "severity", "--backend", "keyword", "--json", "-")
    assert run_command("evaluate", "triage", *arguments, monkeypatch=monkeypatch) == 0
    assert list(json.loads(capsys.readouterr().out)["results"]) == ["majority", "keyword", "tfidf"]


def test_an_unknown_back_end_is_refused_with_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_reports(tmp_path / "reports.parquet")
    arguments = ("--data", str(data), "--target", "severity", "--backend", "oracle")
    assert run_command("evaluate", "triage", *arguments, monkeypatch=monkeypatch) == 2
    assert "majority, keyword, tfidf, linear" in capsys.readouterr().err


def test_a_missing_encoder_is_said_and_words_alone_are_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--data", str(write_reports(tmp_path / "reports.parquet")), "--target", "severity", "--json", "-")
    assert run_command("evaluate", "triage", *arguments, monkeypatch=monkeypatch) == 0
    told = capsys.readouterr()
    assert "nobody/has-this" in told.err
    assert "encoder" not in json.loads(told.out)["results"]


def test_duplicates_are_tried_on_a_file_and_the_figures_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = write_tracker(tmp_path / "reports.parquet", issues=150), tmp_path / "figures.json"
    assert run_command("evaluate", "duplicates", "--data", str(data), "--json", str(out), monkeypatch=monkeypatch) == 0
    printed = capsys.readouterr()
    assert "R@10" in printed.out
    assert "Without an encoder" in printed.err
    figures = json.loads(out.read_text())
    assert figures["n_issues"] == 150
    assert list(figures["results"]) == ["bm25", "rep", "ours"]


def test_a_file_without_duplicates_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_tracker(tmp_path / "reports.parquet", issues=30, share=0)
    assert run_command("evaluate", "duplicates", "--data", str(data), monkeypatch=monkeypatch) == 2
    assert "no report names another one" in capsys.readouterr().err
