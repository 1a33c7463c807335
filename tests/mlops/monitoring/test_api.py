"""Monitoring over HTTP, and what Prometheus is told."""

from datetime import timedelta

import pytest

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from factories.app import Installation
from factories.predictions import note_predictions
from factories.runners import wait_until

PATH = "/api/v1/models/severity/monitoring"


def predict(database: Database, count: int, **facts: str | float) -> None:
    with database.transaction() as session:
        note_predictions(session, 1, count, at=utc_now() - timedelta(hours=1), **facts)


def test_a_manager_reads_figures_and_sentences(installation: Installation) -> None:
    predict(installation.database, 18, outcome="right")
    predict(installation.database, 2, outcome="wrong")
    predict(installation.database, 20, band="unsure")
    found = installation.call("project_manager", "GET", f"{PATH}?project=WEB&days=7")
    assert (found["model_type"], found["project"], found["in_use"]) == ("severity", "WEB", "starter")
    assert found["figures"]["coverage"] == {
        "count": 20,
        "total": 40,
        "share": 0.5,
        "interval": pytest.approx([0.3520, 0.6480], abs=1e-4),
    }
    assert found["figures"]["precision"]["share"] == 0.9
    assert found["figures"]["worth"] == pytest.approx((18 - 3.5) / 20 * 100)
    assert found["by_label"]["low"]["total"] == 20
    assert found["calibration"]["error"] == pytest.approx(0.05)
    assert found["versions"][0]["part"] == "champion"
    assert any("fills in 90.0 rightly and 10.0 wrongly" in each for each in found["says"])


def test_another_project_has_figures_of_its_own(installation: Installation) -> None:
    installation.call("admin", "POST", "/api/v1/projects", json={"key": "NEW", "name": "New"})
    predict(installation.database, 5, outcome="right")
    assert installation.call("project_manager", "GET", f"{PATH}?project=NEW")["figures"]["n_predictions"] == 0
    assert installation.call("project_manager", "GET", PATH)["figures"]["n_predictions"] == 5


def test_every_type_of_model_is_monitored(installation: Installation) -> None:
    for model_type in ("severity", "team", "component", "priority", "duplicates"):
        found = installation.call("project_manager", "GET", f"/api/v1/models/{model_type}/monitoring")
        assert found["model_type"] == model_type
        assert len(found["drifts"]) == (2 if model_type == "duplicates" else 3)


def test_alarms_are_read_by_those_who_may_choose_models(installation: Installation) -> None:
    predict(installation.database, 30, outcome="wrong")
    [found] = installation.call("project_manager", "GET", "/api/v1/models/alarms")
    assert (found["kind"], found["model_type"], found["severity"]) == ("precision", "severity", "critical")
    for role in ("tester", "developer"):
        installation.refuse(role, "GET", "/api/v1/models/alarms", 403)
        installation.refuse(role, "GET", PATH, 403)


def test_prometheus_reads_what_models_do(installation: Installation) -> None:
    predict(installation.database, 27, outcome="right")
    predict(installation.database, 3, outcome="wrong")
    wait_until(lambda: "bugflow_model_info{" in installation.client.get("/metrics").text)
    text = installation.client.get("/metrics").text
    for line in (
        'bugflow_model_coverage{model="severity"} 1.0',
        'bugflow_model_precision{model="severity"} 0.9',
        'bugflow_model_acceptance{model="severity"} 0.9',
        'bugflow_model_info{version="severity/starter"} 1.0',
        "# TYPE bugflow_model_alarms gauge",
        "# TYPE bugflow_corrections gauge",
    ):
        assert line in text
