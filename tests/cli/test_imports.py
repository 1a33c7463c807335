import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bugflow.cli.main import app
from factories.app import Installation
from factories.exports import jira_issue, jira_search


def test_a_file_says_who_is_who(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", installation.database.engine.url.render_as_string(hide_password=False))
    export, users = tmp_path / "export.json", tmp_path / "users.csv"
    export.write_bytes(jira_search(jira_issue(assignee={"name": "unknown"})))
    users.write_text("login,email\nrep,tester@example.com\n", encoding="utf-8")
    arguments = ["import", "jira", str(export), "--users", str(users)]
    told = CliRunner().invoke(app, [*arguments, "--dry-run"], catch_exceptions=False).stdout
    assert "Without an account here: unknown." in told
    report = json.loads(CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False).stdout)
    assert (report["new_users"], report["without_account"]) == (1, ["unknown"])
    [issue] = installation.call("tester", "GET", "/api/v1/issues")["items"]
    assert issue["reporter"]["name"] == "Tester"
