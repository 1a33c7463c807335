"""`bugflow models monitor`, `alarms` and `switch`, as a person and as a program use them."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.mlops.switches.queries import list_switched_off
from factories.commands import run_command
from factories.predictions import note_predictions
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    with database.transaction() as session:
        made = build_workplace(session)
        for outcome, count in (("right", 12), ("wrong", 18)):
            note_predictions(session, made.project.id, count, at=utc_now() - timedelta(hours=1), outcome=outcome)
    return made


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str, code: int = 0) -> str:
    assert run_command("models", *arguments, monkeypatch=monkeypatch) == code
    captured = capsys.readouterr()
    return " ".join((captured.out if code == 0 else captured.err).split())


def test_figures_are_shown_as_a_table_and_as_sentences(
    workplace: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(capsys, monkeypatch, "monitor", "severity", "--project", workplace.project.key, "--days", "7")
    assert "severity, B: starter is in use." in shown
    for told in ("champion", "30", "100.0%", "40.0%"):  # A narrow terminal breaks the version's name.
        assert told in shown
    assert "low 40.0% 24.6% to 57.7% 30" in shown
    assert "0.9 to 1.0 0.95 40.0% 30" in shown
    assert "Right where sure: 12 of 30 (40.0%, 95 % interval 24.6% to 57.7%)." in shown
    assert "worth -65.0 right answers" in shown


def test_a_program_reads_the_same_as_json(
    workplace: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads(run(capsys, monkeypatch, "monitor", "severity", "--json"))
    assert (told["project"], told["figures"]["precision"]["count"], told["figures"]["worth"]) == (None, 12, -65.0)
    [alarm] = json.loads(run(capsys, monkeypatch, "alarms", "--json"))
    assert (alarm["kind"], alarm["scope"]) == ("precision", "global")
    assert "critical: Where the models of severity are sure" in run(capsys, monkeypatch, "alarms")
    assert workplace.project.id == 1


def test_a_feature_is_switched_off_and_on_for_a_reason(
    workplace: Workplace, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = workplace.project
    assert run(capsys, monkeypatch, "switches") == "Every feature is on, everywhere."
    off = ("switch", "team", "off", "--project", project.key, "--reason", "Reorganised.")
    assert run(capsys, monkeypatch, *off) == "team is off for B from now on."
    with database.snapshot() as session:
        assert list_switched_off(session, project.id) == {"team"}
        assert list_switched_off(session, None) == frozenset()
    assert "team B off" in run(capsys, monkeypatch, "switches")
    assert run(capsys, monkeypatch, "switch", "team", "on", "--project", project.key, "--reason", "Done.") == (
        "team is on for B from now on."
    )
    [switch] = json.loads(run(capsys, monkeypatch, "switches", "--json"))
    assert (switch["on"], switch["reason"], switch["by"]) == (True, "Done.", "BugFlow")


def test_without_a_reason_nothing_is_switched(
    workplace: Workplace, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Say why" in run(capsys, monkeypatch, "switch", "team", "off", "--reason", " ", code=2)
    with database.snapshot() as session:
        assert list_switched_off(session, workplace.project.id) == frozenset()
