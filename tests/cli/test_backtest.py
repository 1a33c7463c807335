"""`bugflow backtest`, as a person and as a program use it."""

import json
from pathlib import Path

import pytest

from bugflow.core.database import Database
from factories.commands import run_command
from factories.labelled import report_labelled
from factories.workplace import Workplace, build_workplace

QUICK = (
    "--field",
    "severity",
    "--no-duplicates",
    "--last",
    "60",
    "--blocks",
    "2",
    "--backend",
    "linear",
    "--least",
    "10",
)


@pytest.fixture
def workplace(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setenv("BUGFLOW_ENCODER", "nobody/has-this")
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    with database.transaction() as session:
        return build_workplace(session)


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str, code: int = 0) -> str:
    assert run_command("backtest", "--project", "B", *arguments, monkeypatch=monkeypatch) == code
    captured = capsys.readouterr()
    return " ".join((captured.out if code == 0 else captured.err).split())


def test_a_past_is_told_to_people_and_programs(
    workplace: Workplace,
    database: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report_labelled(database, workplace, 260, seed=1)
    out = tmp_path / "report.md"
    found = json.loads(run(capsys, monkeypatch, *QUICK, "--out", str(out), "--json"))
    score = found["fields"][0]["score"]
    assert score["asked"] == 60 == score["right"] + score["wrong"] + score["left"]
    assert found["duplicates"] is None
    written = out.read_text()
    assert f"of the last 60 issues {score['right']} would have been right" in written
    shown = run(capsys, monkeypatch, *QUICK)
    assert f"of the last 60 issues {score['right']} would have been right" in shown
    assert "is there already" in run(capsys, monkeypatch, *QUICK, "--out", str(out), code=4)
    page = tmp_path / "report.html"
    assert str(page) in run(capsys, monkeypatch, *QUICK, "--out", str(page)).replace(" ", "")
    assert "<table" in page.read_text()


def test_a_small_past_says_what_it_lacks(
    workplace: Workplace,
    database: Database,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report_labelled(database, workplace, 12, seed=1)
    shown = run(capsys, monkeypatch)
    assert "Severity is not told: 12 issues have a severity" in shown
    assert "people called none of the last 11 issues a duplicate" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--field", "mood"), 2, "The field 'mood' is not learned."),
        (("--out", "report.pdf"), 2, "must end in one of .md, .html"),
        (("--query", "is:nothing"), 2, "nothing"),
    ],
)
def test_what_makes_no_sense_is_refused(
    workplace: Workplace,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    assert workplace.project.key == "B"
    assert said in run(capsys, monkeypatch, *arguments, code=code)
