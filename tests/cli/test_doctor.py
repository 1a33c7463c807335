import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from bugflow.cli.doctor import UnknownGroupError
from bugflow.cli.main import app
from factories.app import Installation


@pytest.fixture
def home(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation that the environment names."""
    folder = tmp_path / "home"
    folder.chmod(0o700)
    address = installation.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", address)
    monkeypatch.setenv("BUGFLOW_HOME", str(folder))
    monkeypatch.setenv("BUGFLOW_SECRET_KEY", "a-secret-of-the-tests-that-is-long-enough")
    monkeypatch.delenv("BUGFLOW_TEST_DATABASE_URL", raising=False)
    return folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments])


def test_an_installation_without_failures_ends_with_0(home: Path) -> None:
    done = run("doctor", "--json")
    rows = json.loads(done.stdout)
    assert home.is_dir()
    assert [row for row in rows if row["level"] == "failure"] == []
    assert done.exit_code == 0
    assert {row["group"] for row in rows} >= {"program", "database", "jobs", "mail"}


def test_a_failure_ends_with_1_and_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_SECRET_KEY", "short")
    done = run("doctor", "--only", "settings")
    assert home.is_dir()
    assert (done.exit_code, "failure" in done.stdout, "bugflow secret" in done.stdout) == (1, True, True)
    assert "SQLite" not in done.stdout


def test_a_setting_that_cannot_be_read_is_a_finding(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_PORT", "many")
    done = run("doctor", "--json")
    [row] = [row for row in json.loads(done.stdout) if row["level"] == "failure"]
    assert home.is_dir()
    assert (done.exit_code, row["group"], "BUGFLOW_PORT" in row["found"]) == (1, "settings", True)


def test_a_mail_server_that_is_malformed_is_a_finding(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_SMTP_URL", "mail.example.com")
    done = run("doctor", "--json")
    assert home.is_dir()
    assert [row["group"] for row in json.loads(done.stdout) if row["level"] == "failure"] == ["mail"]


def test_a_group_that_does_not_exist_is_refused() -> None:
    assert isinstance(run("doctor", "--only", "moon").exception, UnknownGroupError)


def test_a_full_text_index_is_written_anew_by_one_command(home: Path, installation: Installation) -> None:
    installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": "Zeppelin"})
    with installation.database.transaction() as session:
        session.execute(text("DELETE FROM issue_text"))
    assert installation.call("tester", "GET", "/api/v1/issues?q=zeppelin")["items"] == []
    done = run("db", "reindex", "--json")
    assert home.is_dir()
    assert json.loads(done.stdout) == {"issues": 1, "lacking": 0, "left_over": 0}
    assert len(installation.call("tester", "GET", "/api/v1/issues?q=zeppelin")["items"]) == 1


def test_the_schema_is_told_to_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("BUGFLOW_DATABASE_URL", raising=False)
    before = json.loads(run("db", "status", "--json").stdout)
    upgraded = json.loads(run("db", "upgrade", "--json").stdout)
    after = json.loads(run("db", "status", "--json").stdout)
    assert (before["schema"], before["current"]) == (None, False)
    assert (upgraded["before"], upgraded["schema"]) == (None, before["needed"])
    assert (after["schema"], after["current"]) == (before["needed"], True)
