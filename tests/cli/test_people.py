import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bugflow.cli.main import app
from bugflow.core.errors import ConflictError, NotFoundError
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.imports.running import run_import
from factories.app import PASSWORD, Installation
from factories.exports import jira_issue, jira_search


@pytest.fixture
def named(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation that the environment names, with cheap hashes."""
    address = installation.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", address)
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BUGFLOW_PASSWORD_HASH_TIME_COST", "1")
    monkeypatch.setenv("BUGFLOW_PASSWORD_HASH_MEMORY_KIB", "64")
    return installation


def run(*arguments: str) -> Any:  # noqa: ANN401 -- JSON.
    """Run a command and return what it prints for programs."""
    done = CliRunner().invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def sign_in(installation: Installation, email: str, password: str = PASSWORD) -> int:
    answer = installation.client.post("/token", json={"username": email, "password": password})
    return int(answer.status_code)


def test_a_user_is_added_and_can_sign_in(named: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUGFLOW_NEW_PASSWORD", "a new password")
    added = run("user", "add", "--email", "New@Example.com", "--role", "developer")
    assert (added["email"], added["role"], added["can_sign_in"]) == ("new@example.com", "developer", True)
    assert sign_in(named, "new@example.com", "a new password") == 200
    assert [each["email"] for each in run("user", "list", "new@")] == ["new@example.com"]


def test_a_forgotten_password_is_replaced_and_the_old_sign_ins_end(
    named: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = named.sign_in("tester")
    monkeypatch.setenv("BUGFLOW_NEW_PASSWORD", "a new password")
    run("user", "password", "tester@example.com")
    assert named.client.get("/api/v1/issues", headers=headers).status_code == 401
    assert sign_in(named, "tester@example.com") == 401
    assert sign_in(named, "tester@example.com", "a new password") == 200


def test_an_imported_person_gets_an_account_with_all_they_reported(
    named: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = jira_search(jira_issue(reporter={"name": "rep", "displayName": "Reporter"}))
    actor = build_system_actor("import")
    run_import(named.database, "jira", [export], project_key=None, dry_run=False, actor=actor)
    monkeypatch.setenv("BUGFLOW_NEW_PASSWORD", "a new password")
    [imported] = run("user", "list", "Reporter")
    assert (imported["email"], imported["can_sign_in"]) == (None, False)
    number = str(imported["number"])
    with pytest.raises(ConflictError, match=r"developer@example.com already"):
        run("user", "claim", number, "--email", "developer@example.com")
    claimed = run("user", "claim", number, "--email", "rep@example.com", "--role", "developer")
    assert (claimed["number"], claimed["role"], claimed["can_sign_in"]) == (imported["number"], "developer", True)
    answer = named.client.post("/token", json={"username": "rep@example.com", "password": "a new password"})
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    found = named.client.get("/api/v1/issues?q=reporter:@me", headers=headers).json()["items"]
    assert [issue["key"] for issue in found] == ["ROC-5"]
    run_import(named.database, "jira", [export], project_key=None, dry_run=False, actor=actor)
    assert len(run("user", "list", "Reporter")) == 1
    with pytest.raises(ConflictError, match="has an account already"):
        run("user", "claim", number, "--email", "other@example.com")


def test_a_role_is_changed(named: Installation) -> None:
    assert run("user", "role", "tester@example.com", "project_manager")["role"] == "project_manager"
    assert named.call("tester", "GET", "/api/v1/users/me")["role"] == "project_manager"


def test_who_is_deactivated_cannot_sign_in_until_activated(named: Installation) -> None:
    assert run("user", "deactivate", "tester@example.com")["can_sign_in"] is False
    assert sign_in(named, "tester@example.com") == 401
    assert run("user", "activate", "tester@example.com")["can_sign_in"] is True
    assert sign_in(named, "tester@example.com") == 200


def test_the_last_administrator_stays(named: Installation) -> None:
    with pytest.raises(ConflictError, match="last active administrator"):
        run("user", "deactivate", "admin@example.com")
    assert sign_in(named, "admin@example.com") == 200


def test_a_user_or_project_that_does_not_exist_is_told(named: Installation) -> None:
    assert named.client is not None
    for arguments in (("user", "role", "nobody@example.com", "tester"), ("project", "archive", "NONE")):
        with pytest.raises(NotFoundError):
            run(*arguments)


def test_a_private_project_is_seen_by_who_is_made_a_member(named: Installation) -> None:
    assert run("project", "add", "SEC", "Secrets", "--private")["visibility"] == "private"
    assert named.refuse("tester", "GET", "/api/v1/projects/SEC", 404)
    run("project", "add-member", "SEC", "tester@example.com")
    assert named.call("tester", "GET", "/api/v1/projects/SEC")["key"] == "SEC"
    assert [each["email"] for each in run("project", "members", "SEC")] == ["tester@example.com"]
    run("project", "remove-member", "SEC", "tester@example.com")
    assert named.refuse("tester", "GET", "/api/v1/projects/SEC", 404)


def test_an_archived_project_takes_no_reports_until_it_is_taken_out(named: Installation) -> None:
    report = {"project": "WEB", "title": "Late"}
    assert run("project", "archive", "WEB")["archived"] is True
    assert [each["key"] for each in run("project", "list", "--archived")] == ["WEB"]
    assert run("project", "list") == []
    named.refuse("tester", "POST", "/api/v1/issues", 409, json=report)
    assert run("project", "unarchive", "WEB")["archived"] is False
    assert named.call("tester", "POST", "/api/v1/issues", json=report)["key"] == "WEB-1"


def test_what_the_command_line_does_is_in_the_audit_log(named: Installation) -> None:
    run("user", "role", "tester@example.com", "developer")
    entries = named.call("admin", "GET", "/api/v1/audit")["items"]
    [entry] = [each for each in entries if each["action"] == "user.changed"]
    assert (entry["origin"], entry["after"]) == ("cli", {"role": "developer"})


def test_names_with_brackets_are_printed_as_they_are(named: Installation) -> None:
    assert named.client is not None
    CliRunner().invoke(app, ["project", "add", "BRA", "[red]Brackets[/red]"], catch_exceptions=False)
    shown = CliRunner().invoke(app, ["project", "list"], catch_exceptions=False, env={"COLUMNS": "200"})
    assert "[red]Brackets[/red]" in shown.stdout
