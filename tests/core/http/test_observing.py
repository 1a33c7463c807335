"""Request ids, log lines of requests and measurements."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from bugflow.app import create_app
from factories.app import Installation, run_installation
from factories.settings import build_settings


def test_an_answer_carries_the_id_under_which_it_is_logged(installation: Installation) -> None:
    with capture_logs() as lines:
        answer = installation.client.get("/api/v1/users/me", headers={"X-Request-ID": "from-the-proxy.7"})
    assert answer.headers["x-request-id"] == "from-the-proxy.7"
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/users/me", 401)


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "naïve"])
def test_an_id_that_could_harm_a_log_is_replaced(installation: Installation, given: str) -> None:
    answer = installation.client.get("/health", headers=[(b"x-request-id", given.encode())])
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 16


def test_what_people_search_for_is_not_logged(installation: Installation) -> None:
    with capture_logs() as lines:
        installation.call("tester", "GET", "/api/v1/issues?q=salary")
    assert "salary" not in str(lines)


def test_requests_and_jobs_are_measured_by_route(installation: Installation) -> None:
    installation.call("tester", "POST", "/report_bug", json={"description": "It breaks at noon.", "project": "WEB"})
    for _ in range(2):
        installation.call("tester", "GET", "/api/v1/issues/1")
    text = installation.client.get("/metrics").text
    assert 'bugflow_http_requests_total{method="GET",route="/api/v1/issues/{issue}",status="200"} 2.0' in text
    assert "bugflow_database_statement_seconds_count" in text
    assert 'bugflow_jobs{state="waiting_events"}' in text


def test_addresses_that_do_not_exist_do_not_fill_the_measurements(installation: Installation) -> None:
    for number in range(3):
        installation.client.get(f"/nothing/{number}")
    text = installation.client.get("/metrics").text
    assert 'route="unmatched",status="404"} 3.0' in text
    assert "/nothing" not in text


def test_metrics_can_be_switched_off(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", metrics=False) as installation:
        assert installation.client.get("/metrics").status_code == 404


def test_a_mistake_of_ours_is_answered_without_its_details(database_url: str, tmp_path: Path) -> None:
    app = create_app(build_settings(tmp_path, database_url=database_url))

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("the inner secret")

    with TestClient(app, raise_server_exceptions=False) as client, capture_logs() as lines:
        answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "inner secret" not in answer.text
    assert any(line["event"] == "unexpected_error" for line in lines)


def test_a_host_that_is_not_trusted_is_refused(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", trusted_hosts=["bugs.example.com", "testserver"]) as running:
        assert running.client.get("/health", headers={"Host": "bugs.example.com"}).status_code == 200
        assert running.client.get("/health", headers={"Host": "evil.example"}).status_code == 400


def test_the_limit_is_told_before_it_is_reached(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", rate_limit_per_minute=3) as installation:
        headers = installation.sign_in("tester")
        answers = [installation.client.get("/api/v1/users/me", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
