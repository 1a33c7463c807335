import csv
import io
import json
from typing import Any

import pytest

from factories.app import Installation

AUDIT = "/api/v1/audit"


def report(installation: Installation, title: str) -> int:
    body = {"project": "WEB", "title": title, "description": "It breaks."}
    number: int = installation.call("tester", "POST", "/api/v1/issues", json=body)["id"]
    return number


def entries(installation: Installation, query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = installation.call("admin", "GET", f"{AUDIT}?limit=200{query}")["items"]
    return items


def test_a_change_says_who_what_before_after_and_from_where(installation: Installation) -> None:
    number = report(installation, "Old title")
    installation.call("project_manager", "PATCH", f"/api/v1/issues/{number}", json={"version": 1, "title": "New title"})
    changed = entries(installation, f"&subject=issue:{number}")[0]
    assert changed["actor_name"] == "Project Manager"
    assert changed["origin"] == "api"
    assert changed["address"]
    assert changed["before"]["title"] == "Old title"
    assert changed["after"]["title"] == "New title"


def test_entries_are_found_by_actor_action_subject_and_time(installation: Installation) -> None:
    number = report(installation, "One")
    everything = entries(installation)
    by_tester = entries(installation, "&actor=tester@example.com")
    assert 0 < len(by_tester) < len(everything)
    assert {entry["actor_name"] for entry in by_tester} == {"Tester"}
    assert {entry["subject_type"] for entry in entries(installation, "&subject=issue")} == {"issue"}
    assert all(entry["action"].startswith("issue.") for entry in entries(installation, "&action=issue."))
    assert entries(installation, "&since=2100-01-01T00:00:00Z") == []
    assert entries(installation, "&until=2000-01-01T00:00:00Z") == []
    assert entries(installation, "&actor=nobody@example.com") == []
    assert entries(installation, f"&subject=issue:{number + 1}") == []


def test_pages_join_without_gap_or_overlap(installation: Installation) -> None:
    for number in range(5):
        report(installation, f"Issue {number}")
    whole = [entry["id"] for entry in entries(installation)]
    walked = [entry["id"] for entry in installation.walk("admin", AUDIT, limit=3)]
    assert walked == whole
    assert whole == sorted(whole, reverse=True)


@pytest.mark.parametrize("role", ["tester", "developer", "project_manager"])
def test_only_administrators_read_it(installation: Installation, role: str) -> None:
    installation.refuse(role, "GET", AUDIT, 403)
    installation.refuse(role, "GET", f"{AUDIT}/export", 403)


def test_the_export_holds_every_entry_in_both_forms(installation: Installation) -> None:
    report(installation, "=HYPERLINK(1)")
    known = [entry["id"] for entry in reversed(entries(installation))]
    headers = installation.sign_in("admin")
    lines = installation.client.get(f"{AUDIT}/export?format=jsonl", headers=headers)
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["id"] for line in lines.text.splitlines()] == known
    table = installation.client.get(f"{AUDIT}/export?format=csv", headers=headers)
    assert "attachment" in table.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [int(row["id"]) for row in rows] == known


def test_no_cell_of_the_export_is_a_formula(installation: Installation) -> None:
    user = {"email": "evil@example.com", "name": "=cmd|' /C calc'!A0", "role": "tester", "password": "a long password"}
    installation.call("admin", "POST", "/api/v1/users", json=user)
    token = installation.client.post("/token", json={"username": user["email"], "password": user["password"]}).json()
    body = {"project": "WEB", "title": "Reported", "description": "By a hostile name."}
    installation.client.post(
        "/api/v1/issues", json=body, headers={"Authorization": f"Bearer {token['access_token']}"}
    ).raise_for_status()
    text = installation.client.get(f"{AUDIT}/export", headers=installation.sign_in("admin")).text
    names = {row["actor_name"] for row in csv.DictReader(io.StringIO(text))}
    assert "'=cmd|' /C calc'!A0" in names
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in csv.reader(io.StringIO(text)) for cell in row)
