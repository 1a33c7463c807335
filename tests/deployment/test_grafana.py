"""The dashboard for Grafana: every metric that it asks for is there, and every metric that is there is asked for."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from factories.app import Installation

DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy/grafana/bugflow.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
PARTS = re.compile(r"_(bucket|sum|count)$")
SOURCE = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}


def find_asked() -> set[str]:
    return {PARTS.sub("", name) for query in QUERIES for name in re.findall(r"bugflow_\w+", query)}


def test_the_dashboard_asks_for_every_metric_and_for_none_that_does_not_exist(installation: Installation) -> None:
    text = installation.client.get("/metrics").text
    served = {name for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) if not name.endswith("_created")}
    assert find_asked() == served


def test_each_label_by_which_a_panel_is_divided_is_one_of_its_metric(installation: Installation) -> None:
    installation.call("tester", "POST", "/predict", json={"description": "It fails.", "project": "WEB"})
    text = installation.client.get("/metrics").text
    wrong = []
    for query in QUERIES:
        [name] = set(re.findall(r"bugflow_\w+", query))
        samples = re.findall(rf"^{name}{{([^}}]*)}}", text, re.MULTILINE)
        known = {label for sample in samples for label in re.findall(r"(\w+)=", sample)}
        asked = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", query) for label in labels.split(",")}
        if samples and not asked <= known:
            wrong.append(f"{query}: {asked - known}")
    assert not wrong


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_each_panel_says_what_it_shows_and_reads_the_source_that_one_chooses(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["datasource"] == SOURCE
    assert all(target["datasource"] == SOURCE for target in panel["targets"])
    place = panel["gridPos"]
    assert place["x"] + place["w"] <= 24


def test_no_two_panels_share_a_number_or_a_place() -> None:
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    assert len(set(places)) == len(places)
    assert DASHBOARD["__inputs"][0]["name"] == "DS_PROMETHEUS"
