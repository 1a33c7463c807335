import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bugflow.cli.main import app
from bugflow.core.database import open_database
from bugflow.operation.backup.errors import DamagedBackupError
from factories.app import Installation


def test_a_backup_is_written_verified_and_restored_by_three_commands(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": "Kept"})
    address = installation.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", address)
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "first"))
    file = tmp_path / "flow.backup"
    run = CliRunner().invoke
    written = json.loads(run(app, ["backup", str(file), "--json"], catch_exceptions=False).stdout)
    assert written["files"] == 0
    assert json.loads(run(app, ["backup", str(file), "--verify", "--json"]).stdout) == written
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "second"))
    monkeypatch.delenv("BUGFLOW_DATABASE_URL")
    assert "Restored" in run(app, ["restore", str(file)], catch_exceptions=False).stdout
    database = open_database(f"sqlite:///{tmp_path / 'second' / 'bugflow.db'}")
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT title FROM issues").scalar() == "Kept"
    database.dispose()
    file.write_bytes(file.read_bytes()[:-100])
    assert isinstance(run(app, ["backup", str(file), "--verify"]).exception, DamagedBackupError)
