"""Scanning a whole tracker, and the report of it."""

import csv
import io
import json
from pathlib import Path

import pytest

from bugflow.assist.duplicates.hosting import DuplicateHost, HostingOptions
from bugflow.assist.duplicates.profiling import profile_backlog
from bugflow.assist.duplicates.scan_report import COLUMNS, FORMS
from bugflow.assist.duplicates.scanning import Cluster, Scope, count_unprofiled, scan
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.projects.tables import Project
from factories.app import Installation
from factories.commands import run_command

ISSUES = "/api/v1/issues"
CRASH = "Zeppelin crash when saving a spreadsheet"
HOSTILE = "<script>alert(1)</script> =cmd|' /C calc'!A0"


def report(site: Installation, title: str, **fields: object) -> str:
    return str(site.call("tester", "POST", ISSUES, json={"project": "WEB", "title": title} | fields)["key"])


@pytest.fixture
def site(installation: Installation) -> Installation:
    for number in range(6):
        report(installation, f"Something else number {number} about menus and windows")
    return installation


def find(database: Database, scope: Scope | None = None) -> list[Cluster]:
    profile_backlog(database, None)
    host = DuplicateHost(database, HostingOptions())
    host.load()
    return scan(host, database, build_system_actor("cli"), scope=scope)


def groups(found: list[Cluster]) -> list[set[str]]:
    return [set(cluster.keys) for cluster in found]


def test_issues_that_may_be_one_bug_are_one_cluster(site: Installation) -> None:
    keys = {report(site, CRASH), report(site, f"{CRASH} again"), report(site, f"Saving a spreadsheet: {CRASH}")}
    assert keys in groups(find(site.database))


def test_what_is_merged_or_rejected_is_left_out(site: Installation) -> None:
    first, second = report(site, CRASH), report(site, f"{CRASH} again")
    third, fourth = report(site, "Quokka printer emits smoke"), report(site, "Quokka printer emits smoke daily")
    assert {first, second} in groups(find(site.database))
    site.call("project_manager", "POST", f"{ISSUES}/{second}/merge", json={"into": first})
    site.call("project_manager", "POST", f"{ISSUES}/{fourth}/not-duplicates", json={"other": third})
    assert not [group for group in groups(find(site.database)) if group & {first, second, third, fourth}]


def test_only_what_is_in_scope_is_looked_at(site: Installation) -> None:
    report(site, CRASH)
    report(site, f"{CRASH} again")
    assert find(site.database, Scope(since=utc_now())) == []
    with site.database.snapshot() as session:
        project = session.query(Project).one().id
    assert find(site.database, Scope(project_id=project))
    assert find(site.database, Scope(project_id=project + 1)) == []


def test_issues_without_profile_are_counted(site: Installation) -> None:
    host = DuplicateHost(site.database, HostingOptions())
    host.load()
    with site.database.snapshot() as session:
        assert count_unprofiled(session, host) == 6
    profile_backlog(site.database, None)
    host.load()
    with site.database.snapshot() as session:
        assert count_unprofiled(session, host) == 0


def test_hostile_titles_are_text_in_every_form(site: Installation) -> None:
    report(site, f"{HOSTILE} {CRASH}")
    report(site, f"{HOSTILE} {CRASH} again")
    found = find(site.database)
    page = FORMS[".html"](found, public_url="https://bugs.example.com/")
    assert "<script>" not in page
    assert "https://bugs.example.com/issues/WEB-" in page
    rows = list(csv.reader(io.StringIO(FORMS[".csv"](found, public_url=""))))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) > 1
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "@"))]
    objects = [json.loads(line) for line in FORMS[".jsonl"](found, public_url="").splitlines()]
    assert {tuple(each) for each in objects} == {COLUMNS}


def test_the_command_writes_a_report_once(
    site: Installation,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(site, CRASH)
    report(site, f"{CRASH} again")
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", database_url)
    monkeypatch.setenv("BUGFLOW_ENCODER", "nobody/has-this")
    out = tmp_path / "report.html"
    assert run_command("duplicates", "index", monkeypatch=monkeypatch) == 0
    arguments = ("duplicates", "scan", "--out", str(out), "--least", "0")
    assert run_command(*arguments, monkeypatch=monkeypatch) == 0
    assert "Zeppelin" in out.read_text()
    assert run_command(*arguments, monkeypatch=monkeypatch) != 0
    assert "is there already" in capsys.readouterr().err
    assert run_command(*arguments, "--force", monkeypatch=monkeypatch) == 0
    assert run_command("duplicates", "scan", "--out", str(tmp_path / "report.txt"), monkeypatch=monkeypatch) == 2
    assert "must end in one of" in capsys.readouterr().err
