import csv
import io
import json
from typing import Any

import pytest

from bugflow.tracker.exports import api, reading
from factories.app import Installation

EXPORT = "/api/v1/issues/export"


@pytest.fixture
def filled(installation: Installation) -> Installation:
    for number in range(3):
        body = {"project": "WEB", "title": f"=1+{number}", "description": "a\nb", "labels": ["x", "y"]}
        installation.call("tester", "POST", "/api/v1/issues", json=body)
    secret = {"project": "WEB", "title": "Secret", "restricted": True}
    installation.call("project_manager", "POST", "/api/v1/issues", json=secret)
    installation.call("tester", "POST", "/api/v1/issues/1/comments", json={"body": "Seen."})
    installation.call("project_manager", "PATCH", "/api/v1/issues/2", json={"severity": "high"})
    installation.call("developer", "POST", "/api/v1/issues/2/relations", json={"kind": "blocks", "target": 1})
    installation.call("project_manager", "POST", "/api/v1/issues/4/relations", json={"kind": "blocks", "target": 1})
    installation.call("tester", "POST", "/api/v1/issues/1/attachments", files={"file": ("a.txt", b"x")})
    return installation


def fetch(installation: Installation, query: str, role: str = "tester") -> str:
    answer = installation.client.get(f"{EXPORT}?{query}", headers=installation.sign_in(role))
    assert answer.status_code == 200, answer.text
    assert "attachment" in answer.headers["content-disposition"]
    return answer.text


def test_a_table_has_every_visible_issue_and_no_formula(filled: Installation) -> None:
    rows = list(csv.DictReader(io.StringIO(fetch(filled, "format=csv"))))
    assert [row["title"] for row in rows] == ["'=1+0", "'=1+1", "'=1+2"]
    assert rows[0]["labels"] == "x, y"
    assert rows[0]["reporter"] == "Tester"
    assert len(list(csv.reader(io.StringIO(fetch(filled, "format=csv", role="admin"))))) == 5


def test_lines_bring_along_what_is_asked_for(filled: Installation) -> None:
    text = fetch(filled, "format=jsonl&part=comments&part=history&part=relations&part=attachments")
    first, second, _ = [json.loads(line) for line in text.splitlines()]
    assert [comment["body"] for comment in first["comments"]] == ["Seen."]
    assert [file["filename"] for file in first["attachments"]] == ["a.txt"]
    assert [(change["field"], change["new"]) for change in second["history"]] == [
        ("severity", "high"),
        ("blocks", "WEB-1"),
    ]
    assert second["relations"] == [{"kind": "blocks", "target": "WEB-1"}]
    assert "comments" not in json.loads(fetch(filled, "format=jsonl").splitlines()[0])


def test_json_is_one_list_also_an_empty_one(filled: Installation) -> None:
    assert [issue["id"] for issue in json.loads(fetch(filled, "format=json"))] == [1, 2, 3]
    assert json.loads(fetch(filled, "format=json&q=nothing")) == []
    assert fetch(filled, "format=jsonl&q=nothing") == ""


def test_a_query_narrows_the_export(filled: Installation) -> None:
    issues: list[dict[str, Any]] = json.loads(fetch(filled, "format=json&q=severity:high"))
    assert [issue["id"] for issue in issues] == [2]
    assert "Did you mean" in filled.refuse("tester", "GET", f"{EXPORT}?q=sevrity:high", 422)["detail"]


def test_each_issue_is_in_the_export_once_over_many_batches(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        api, "read_records", lambda *arguments, **more: reading.read_records(*arguments, **more, batch=2)
    )
    assert [issue["id"] for issue in json.loads(fetch(filled, "format=json", role="admin"))] == [1, 2, 3, 4]
