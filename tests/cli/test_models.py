"""`bugflow models train`, as a person and as a program use it."""

import json
from pathlib import Path

import pytest

from bugflow.core.database import Database
from factories.commands import run_command
from factories.labelled import report_labelled
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setenv("BUGFLOW_ENCODER", "nobody/has-this")
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("BUGFLOW_STARTER_MODELS", "false")
    with database.transaction() as session:
        made = build_workplace(session)
    report_labelled(database, made, 300, seed=1)
    return made


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str, code: int = 0) -> str:
    assert run_command("models", *arguments, monkeypatch=monkeypatch) == code
    return capsys.readouterr().out


def test_a_model_of_the_own_issues_is_judged_told_and_used(
    workplace: Workplace, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(capsys, monkeypatch, "train", "severity", "--least", "10", "--backend", "linear")
    assert "it may be used" in shown
    assert "60 issues of it have taught no model" in " ".join(shown.split())
    assert "and used from now on." in shown
    report_labelled(database, workplace, 60, seed=2)
    told = json.loads(run(capsys, monkeypatch, "train", "severity", "--least", "10", "--no-use", "--json"))
    assert (told["passed"], told["used"]) == (True, False)
    [first, second] = json.loads(run(capsys, monkeypatch, "list", "--json"))
    assert (first["version"], first["used"], second["version"], second["used"]) == ("1.1.0", False, "1.0.0", True)
    assert told["version"] == f"severity/1.1.0/{first['trained_at']}"
    assert told["champion"] == f"severity/1.0.0/{second['trained_at']}"


def test_trainings_are_listed_with_why_they_began_and_what_came_of_them(
    workplace: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nothing was ever trained here." in run(capsys, monkeypatch, "trainings")
    told = json.loads(
        run(capsys, monkeypatch, "train", "severity", "--least", "10", "--backend", "linear", "--trial", "--json")
    )
    assert (told["passed"], told["used"], told["then"]) == (True, False, "shadow")
    own = ("train", "severity", "--project", workplace.project.key, "--least", "10", "--backend", "linear", "--json")
    assert json.loads(run(capsys, monkeypatch, *own))["version"].startswith(f"severity/{workplace.project.uuid}/1.0.0/")
    assert run_command("models", "train", "team", monkeypatch=monkeypatch) == 2
    capsys.readouterr()
    failed, second, first = json.loads(run(capsys, monkeypatch, "trainings", "--json"))
    assert (failed["type"], failed["state"], second["scope"]) == ("team", "failed", str(workplace.project.uuid))
    assert (first["id"], first["trigger"], first["n_labelled"]) == (told["id"], "person", 300)
    shown = " ".join(run(capsys, monkeypatch, "trainings", "severity", "--limit", "1").split())
    assert "It was asked" in shown
    log = run(capsys, monkeypatch, "log", told["id"])
    assert log.splitlines()[0].endswith("It was asked for by the command line.")
    assert "It is tried in the shadow now, where nobody sees what it says." in log.replace("\n", " ")
    assert run_command("models", "log", "00000000-0000-4000-8000-000000000000", monkeypatch=monkeypatch) == 3


def test_with_too_little_to_learn_from_it_says_how_much_is_needed(
    workplace: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_command("models", "train", "team", monkeypatch=monkeypatch) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "0 issues have a team" in said
    assert "250 are needed" in said
    assert workplace.project.key == "B"


def test_what_cannot_be_learned_on_this_machine_is_refused_before_it_is_ordered(
    workplace: Workplace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_command("models", "train", "duplicates", monkeypatch=monkeypatch) == 4
    assert "Without an encoder the ranking of duplicates cannot be taught." in " ".join(capsys.readouterr().err.split())
    assert json.loads(run(capsys, monkeypatch, "trainings", "--json")) == []
    assert workplace.project.key == "B"


def test_what_failed_is_promoted_for_a_reason_and_rolled_back_with_one_command(
    workplace: Workplace, database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = ("train", "severity", "--least", "10", "--backend", "linear", "--json")
    first = json.loads(run(capsys, monkeypatch, *train))["version"]
    report_labelled(database, workplace, 500, seed=3, flipped=True)
    worse = json.loads(run(capsys, monkeypatch, *train))
    assert (worse["passed"], worse["used"]) == (False, False)
    assert run_command("models", "promote", "severity", "1.1.0", monkeypatch=monkeypatch) == 2
    assert "failed its checks, so say why" in " ".join(capsys.readouterr().err.split())
    said = run(capsys, monkeypatch, "promote", "severity", "1.1.0", "--reason", "The old labels | <were> wrong.")
    assert f"{worse['version']} is used" in said.replace("\n", "")
    assert run_command("models", "promote", "severity", "1.1.0", "--reason", "Again", monkeypatch=monkeypatch) != 0
    assert "is in use already" in " ".join(capsys.readouterr().err.split())
    assert f"{first} is used" in run(capsys, monkeypatch, "rollback", "severity").replace("\n", "")
    assert "what comes with BugFlow" in run(capsys, monkeypatch, "rollback", "severity")
    assert run_command("models", "rollback", "severity", monkeypatch=monkeypatch) != 0
    assert "nothing to go back to" in " ".join(capsys.readouterr().err.split())
    rows = json.loads(run(capsys, monkeypatch, "history", "severity", "--json"))
    assert [(row["verb"], row["version"], row["passed"]) for row in rows] == [
        ("rolled back", None, None),
        ("rolled back", first, True),
        ("used", worse["version"], False),
        ("used", first, True),
    ]
    assert rows[2]["reason"] == "The old labels | <were> wrong."
    shown = run(capsys, monkeypatch, "history", "severity")
    assert "failed" in shown
    assert "starter" in shown
