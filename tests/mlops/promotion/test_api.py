"""Models over HTTP: what the command line can, for project managers."""

import io
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
from fastapi import FastAPI

from bugflow.core.storage import Storage
from bugflow.mlops.registry.store import find_current, set_challenger
from factories.app import Installation
from factories.versions import NOW, decide, publish_judged

MODELS, SEVERITY = "/api/v1/models", "/api/v1/models/severity"
MANAGER = "project_manager"


@pytest.fixture
def storage(installation: Installation, tmp_path: Path) -> Storage:
    """The application's storage, with three versions: one that passed, one that failed, one that was never judged."""
    found = cast("Storage", cast("FastAPI", installation.client.app).state.storage)
    for version, decision in (("1.0.0", decide(0.6)), ("1.1.0", decide(0.5, passed=False)), ("1.2.0", None)):
        publish_judged(found, tmp_path, version, decision)
    return found


def standing(installation: Installation, **parameters: str) -> Any:  # noqa: ANN401 -- JSON.
    rows = installation.call(MANAGER, "GET", MODELS, params=parameters)
    [found] = [row for row in rows if row["model_type"] == "severity"]
    return dict(found)


def test_a_version_is_promoted_for_a_reason_told_and_rolled_back(installation: Installation, storage: Storage) -> None:
    assert (standing(installation)["version"], standing(installation)["since"]) == (None, None)
    told = installation.call(MANAGER, "POST", f"{SEVERITY}/promote", json={"version": "1.0.0", "reason": " Better. "})
    assert (told["version"], told["before"], told["passed"]) == ("severity/1.0.0/20260301_000000", None, True)
    now = standing(installation)
    assert (now["version"]["version"], now["by"], now["reason"]) == ("1.0.0", "Project Manager", "Better.")
    assert now["since"] == told["at"]
    refused = installation.refuse(MANAGER, "POST", f"{SEVERITY}/promote", 422, json={"version": "1.1.0"})
    assert "say why" in refused["detail"]
    installation.call(MANAGER, "POST", f"{SEVERITY}/promote", json={"version": "1.1.0", "reason": "New teams."})
    assert installation.call(MANAGER, "POST", f"{SEVERITY}/rollback")["version"] == told["version"]
    installation.call(MANAGER, "POST", f"{SEVERITY}/promote", json={"version": None})
    installation.refuse(MANAGER, "POST", f"{SEVERITY}/promote", 409, json={"version": None})
    installation.refuse(MANAGER, "POST", f"{SEVERITY}/rollback", 409, json={"reason": "x"})
    installation.refuse(MANAGER, "POST", f"{SEVERITY}/promote", 422, json={"version": "1.2.0", "reason": "x" * 501})
    assert find_current(storage, "severity") is None
    rows = installation.call(MANAGER, "GET", f"{SEVERITY}/history")
    assert [(row["verb"], row["passed"]) for row in rows] == [
        ("used", None),
        ("rolled back", True),
        ("used", False),
        ("used", True),
    ]
    assert len(installation.call(MANAGER, "GET", f"{SEVERITY}/history?limit=2")) == 2


def test_versions_are_listed_with_figures_and_what_they_are_there_for(
    installation: Installation, storage: Storage, tmp_path: Path
) -> None:
    installation.call(MANAGER, "POST", f"{SEVERITY}/promote", json={"version": "1.0.0"})
    tried = publish_judged(storage, tmp_path, "2.0.0", decide(0.8))
    set_challenger(storage, tried, now=NOW)
    rows = installation.call(MANAGER, "GET", SEVERITY)
    assert [(row["version"], row["used"], row["challenger"]) for row in rows] == [
        ("2.0.0", False, True),
        ("1.2.0", False, False),
        ("1.1.0", False, False),
        ("1.0.0", True, False),
    ]
    assert rows[0]["metrics"] == {"macro_f1": 0.5}
    assert standing(installation)["challenger"]["name"] == tried.name
    one = installation.call(MANAGER, "GET", f"{SEVERITY}/1.0.0")
    assert (one["manifest"]["card"], one["report"]) == ("# A card", "# What was decided")
    assert (one["decision"]["passed"], one["decision"]["figures"]["candidate"]["accuracy"]) == (True, 0.6)
    never = installation.call(MANAGER, "GET", f"{SEVERITY}/1.2.0")
    assert (never["decision"], never["report"]) == (None, None)


def test_two_versions_are_compared(installation: Installation, storage: Storage) -> None:
    assert find_current(storage, "severity") is None
    told = installation.call(MANAGER, "GET", f"{SEVERITY}/compare", params={"a": "1.0.0", "b": "1.1.0"})
    assert (told["same_items"], told["a"]["version"], told["b"]["version"]) == (True, "1.0.0", "1.1.0")
    assert told["figures"][0]["name"] == "accuracy"
    assert told["figures"][0]["difference"] == pytest.approx(-0.1)
    assert [(check["name"], check["a"], check["b"]) for check in told["checks"]] == [("precision", True, False)]
    installation.refuse(MANAGER, "GET", f"{SEVERITY}/compare", 404, params={"a": "1.0.0", "b": "9.0.0"})


def test_a_version_is_downloaded_whole_and_a_damaged_one_is_refused(
    installation: Installation, storage: Storage
) -> None:
    answer = installation.client.get(f"{SEVERITY}/1.0.0/export", headers=installation.sign_in(MANAGER))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert 'filename="severity-1.0.0-20260301_000000.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {"manifest.json", "decision.json", "members/linear/classifier.json"} <= set(archive.namelist())
    storage.delete("ml_models/severity/1.1.0/20260301_000000/decision.md")
    refused = installation.refuse(MANAGER, "GET", f"{SEVERITY}/1.1.0/export", 422)
    assert "decision.md is missing" in refused["detail"]


def test_a_project_has_models_of_its_own(installation: Installation, storage: Storage, tmp_path: Path) -> None:
    uuid = installation.call(MANAGER, "GET", "/api/v1/projects/WEB")["id"]
    own = publish_judged(storage, tmp_path, "5.0.0", None, scope=uuid)
    installation.call(MANAGER, "POST", f"{SEVERITY}/promote", json={"version": "5.0.0"}, params={"scope": "WEB"})
    assert standing(installation, scope=uuid)["version"]["name"] == own.name
    assert standing(installation)["version"] is None
    assert [row["version"] for row in installation.call(MANAGER, "GET", SEVERITY, params={"scope": "WEB"})] == ["5.0.0"]
    installation.refuse(MANAGER, "GET", MODELS, 404, params={"scope": "NONE"})


@pytest.mark.parametrize("path", [f"{SEVERITY}/latest", f"{SEVERITY}/1.0", f"{MODELS}/mood", f"{MODELS}/mood/1.0.0"])
def test_what_is_no_version_or_no_type_is_refused(installation: Installation, path: str) -> None:
    installation.refuse(MANAGER, "GET", path, 422)


def test_only_managers_see_and_choose_models(installation: Installation) -> None:
    for role in ("tester", "developer"):
        installation.refuse(role, "GET", MODELS, 403)
        installation.refuse(role, "POST", f"{SEVERITY}/promote", 403, json={"version": None})
    assert installation.client.get(MODELS).status_code == 401
