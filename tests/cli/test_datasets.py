"""`bugflow dataset`, as a person and as a program use it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from typer.testing import CliRunner

from bugflow.cli.main import app
from bugflow.core.errors import BugFlowError
from bugflow.mlops.datasets.errors import DatasetNotWrittenError, DatasetOptionError, EmptyDatasetError
from factories.app import Installation

BUGFLOW = Path(sys.executable).with_name("bugflow")


def write_reports(path: Path, count: int = 60, *, words: int = 3) -> Path:
    titles = [
        " ".join(f"{word}{number * (place + 1)}" for place, word in enumerate(("basket", "window", "ledger")))
        for number in range(count)
    ]
    texts = [" ".join(f"word{number * place}" for place in range(words)) for number in range(count)]
    severities = ["high" if number % 2 else "low" for number in range(count)]
    pl.DataFrame({"summary": titles, "description": texts, "severity": severities}).write_parquet(path)
    return path


def prepare(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["dataset", "prepare", *map(str, arguments)])
    if isinstance(result.exception, BugFlowError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def test_a_summary_says_what_is_in_and_what_is_not(tmp_path: Path) -> None:
    path, out = write_reports(tmp_path / "x.parquet"), tmp_path / "set"
    shown = prepare(path, "--out", out, "--column", "title=summary", "--split", "random")
    assert "60 of 60 reports are in" in shown
    assert {"train", "valid", "test"} <= set(shown.replace(",", "").replace(".", "").split())
    assert "severity" in shown
    told = json.loads(prepare(path, "--out", out, "--column", "title=summary", "--samples", "20", "--force", "--json"))
    assert told["rows"]["kept"] == 20
    assert told == json.loads((out / "dataset.json").read_text())


def test_a_column_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet")
    for column in ("title", "title=", "colour=red"):
        with pytest.raises(DatasetOptionError, match="title=summary"):
            prepare(path, "--out", tmp_path / "set", "--column", column)


def test_the_issues_of_the_database_are_read(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("The basket forgets what was in it", "The window cannot be closed again"):
        body = {"project": "WEB", "title": title, "severity": "high"}
        installation.call("tester", "POST", "/api/v1/issues", json=body)
    address = installation.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", address)
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    prepare("database", "--query", "basket", "--out", tmp_path / "set")
    frame = pl.read_parquet(tmp_path / "set" / "data.parquet")
    assert frame["title"].to_list() == ["The basket forgets what was in it"]
    assert frame["source"].to_list() == ["database"]
    told = json.loads(prepare("database", "--as-of", "2999-01-01", "--out", tmp_path / "later", "--json"))
    assert (told["rows"]["kept"], told["options"]["as_of"]) == (2, "2999-01-01T00:00:00+00:00")
    with pytest.raises(EmptyDatasetError):
        prepare("database", "--as-of", "2020-01-01T12:00:00", "--out", tmp_path / "before")


def test_files_have_no_earlier_moment(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet")
    with pytest.raises(DatasetOptionError, match="--as-of goes with the source database"):
        prepare(path, "--out", tmp_path / "set", "--column", "title=summary", "--as-of", "2026-01-01")


def test_a_killed_run_leaves_nothing_that_looks_finished_and_no_process(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet", 7_000, words=120)
    command = [BUGFLOW, "dataset", "prepare", path, "--out", tmp_path / "set", "--column", "title=summary"]
    running = subprocess.Popen([*map(str, command), "--workers", "2"], start_new_session=True)  # noqa: S603 -- Ours.
    children: list[int] = []
    while len(children) < 3 and running.poll() is None:  # Its workers, and what tracks them.
        time.sleep(0.05)
        children = list_children(running.pid)
    assert running.poll() is None
    running.kill()
    running.wait()
    assert not (tmp_path / "set").exists()
    wait_for_end(children)
    prepare(write_reports(tmp_path / "y.parquet"), "--out", tmp_path / "set", "--column", "title=summary")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["set", "x.parquet", "y.parquet"]


def list_children(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children")
    return [int(each) for each in children.read_text().split()] if children.exists() else []


def wait_for_end(processes: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(is_running(each) for each in processes):
        assert time.monotonic() < deadline, "A worker outlives the run."
        time.sleep(0.1)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet", 3_000, words=100)
    full = Path("/dev/shm") / f"full-{uuid4().hex}"  # noqa: S108 -- A file system of its own is mounted on it.
    full.mkdir()
    assert os.system(f"mount -t tmpfs -o size=64k tmpfs {full}") == 0  # noqa: S605 -- A constant.
    try:
        with pytest.raises(DatasetNotWrittenError, match="No space left on device"):
            prepare(path, "--out", full / "set", "--column", "title=summary", "--workers", "1")
        assert list(full.iterdir()) == []
    finally:
        os.system(f"umount {full}")  # noqa: S605 -- A constant.
        full.rmdir()


def test_an_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    path = write_reports(tmp_path / "x.parquet", 7_000, words=120)
    command = [BUGFLOW, "dataset", "prepare", path, "--out", tmp_path / "set", "--column", "title=summary"]
    running = subprocess.Popen([*map(str, command), "--workers", "1"], start_new_session=True)  # noqa: S603 -- Ours.
    while running.poll() is None and not list(tmp_path.glob(".set.*")):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert [each.name for each in tmp_path.iterdir()] == ["x.parquet"]
