"""Switches over HTTP, and that they are in effect at the next request."""

from pathlib import Path
from typing import Any

import pytest

from bugflow.app import create_app
from bugflow.mlops.switches.queries import list_switched_off
from factories.app import Installation
from factories.settings import build_settings

ASK = {"description": "The login button crashes the app on every click.", "project": "WEB"}


def switch(installation: Installation, feature: str, *, on: bool, **fields: str) -> Any:  # noqa: ANN401 -- JSON.
    body = {"on": on, "reason": "The teams are reorganised.", **fields}
    return installation.call("project_manager", "PUT", f"/api/v1/models/{feature}/switch", json=body)


def predict(installation: Installation) -> Any:  # noqa: ANN401 -- JSON.
    return installation.call("tester", "POST", "/predict", json=ASK)


def test_a_field_that_is_switched_off_is_not_predicted_from_the_next_request_on(installation: Installation) -> None:
    before = predict(installation)["predictions"]
    switch(installation, "severity", on=False, project="WEB")
    answer = predict(installation)
    found = answer["predictions"]
    assert before["severity"]["method"] == "keyword"
    assert (found["severity"]["method"], found["severity"]["label"]) == ("off", None)
    assert "has switched off predictions of this field" in found["severity"]["because"]
    assert found["team"] == before["team"]
    assert answer["severity"] == "medium"
    switch(installation, "severity", on=True, project="WEB")
    assert predict(installation)["predictions"] == before


def test_off_for_all_projects_is_off_for_each(installation: Installation) -> None:
    switch(installation, "team", on=False)
    assert predict(installation)["predictions"]["team"]["method"] == "off"
    switch(installation, "team", on=True, project="WEB")
    assert predict(installation)["predictions"]["team"]["method"] == "off"


def test_another_process_on_the_same_database_sees_it_at_once(installation: Installation, tmp_path: Path) -> None:
    address = installation.database.engine.url.render_as_string(hide_password=False)
    other = create_app(build_settings(tmp_path / "other", database_url=address)).state.database
    switch(installation, "severity", on=False)
    with other.snapshot() as session:
        assert list_switched_off(session, 1) == {"severity"}
    other.dispose()


def test_who_switched_what_and_why_is_read_by_those_who_may_choose_models(installation: Installation) -> None:
    made = switch(installation, "duplicates", on=False, project="WEB")
    assert installation.call("project_manager", "GET", "/api/v1/models/switches") == [made]
    assert {key: made[key] for key in ("feature", "project", "on", "by", "reason")} == {
        "feature": "duplicates",
        "project": "WEB",
        "on": False,
        "by": "Project Manager",
        "reason": "The teams are reorganised.",
    }
    for role in ("tester", "developer"):
        installation.refuse(role, "GET", "/api/v1/models/switches", 403)
        body = {"on": False, "reason": "No."}
        installation.refuse(role, "PUT", "/api/v1/models/team/switch", 403, json=body)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("team", {"on": False}, 422),
        ("team", {"on": False, "reason": "  "}, 422),
        ("colour", {"on": False, "reason": "Why."}, 422),
        ("team", {"on": False, "reason": "Why.", "project": "NONE"}, 404),
    ],
)
def test_what_cannot_be_switched_is_refused(
    installation: Installation, path: str, body: dict[str, Any], status: int
) -> None:
    installation.refuse("project_manager", "PUT", f"/api/v1/models/{path}/switch", status, json=body)


def test_a_private_projects_switch_is_not_shown_to_who_may_not_see_it(installation: Installation) -> None:
    body = {"key": "HID", "name": "Hidden", "visibility": "private"}
    installation.call("admin", "POST", "/api/v1/projects", json=body)
    switched = {"on": False, "reason": "Why.", "project": "HID"}
    installation.call("admin", "PUT", "/api/v1/models/team/switch", json=switched)
    installation.refuse("project_manager", "PUT", "/api/v1/models/team/switch", 404, json=switched)
    assert installation.call("project_manager", "GET", "/api/v1/models/switches") == []
    assert len(installation.call("admin", "GET", "/api/v1/models/switches")) == 1
