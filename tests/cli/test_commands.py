import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from factories.exports import jira_issue, jira_search
from factories.runners import wait_until

SECRET = "a-secret-of-the-tests-that-is-long-enough"


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    variables |= {"BUGFLOW_HOME": str(home), "BUGFLOW_SECRET_KEY": SECRET, "COLUMNS": "200"} | environment
    command = [sys.executable, "-m", "bugflow", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=variables, check=False)  # noqa: S603 -- Ours.


def test_an_export_is_imported_and_found_from_the_command_line(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "upgrade").returncode == 0
    export = tmp_path / "export.json"
    export.write_bytes(jira_search(jira_issue()))
    planned = json.loads(run(tmp_path, "import", "jira", str(export), "--dry-run", "--json").stdout)
    done = json.loads(run(tmp_path, "import", "jira", str(export), "--json").stdout)
    again = json.loads(run(tmp_path, "import", "jira", str(export), "--json").stdout)
    assert [each["new_issues"] for each in (planned, done, again)] == [1, 1, 0]
    found = json.loads(run(tmp_path, "search", "stalls is:closed", "--json").stdout)
    assert [issue["key"] for issue in found] == ["ROC-5"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["import", "jira", "no-such-file.json"], 2, "cannot be read"),
        (["import", "mantis", __file__], 2, "github, jira, bugzilla"),
        (["import", "jira", __file__], 2, "it is no JSON"),
        (["search", "is:opne"], 2, "Did you mean open"),
        (["user", "add", "--email", "a@example.com", "--password", "short"], 2, "at least 8 characters"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    run(tmp_path, "db", "upgrade")
    done = run(tmp_path, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_an_empty_database_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    done = run(tmp_path, "search", "x")
    assert (done.returncode, "bugflow db upgrade" in done.stderr) == (4, True)


@pytest.mark.parametrize("secret", ["", "short", "bugflow-demo-secret-that-everybody-knows"])
def test_a_server_with_a_default_or_short_secret_does_not_start(tmp_path: Path, secret: str) -> None:
    done = run(tmp_path, "serve", BUGFLOW_SECRET_KEY=secret)
    assert (done.returncode, "bugflow secret" in done.stderr) == (2, True)
    assert not (tmp_path / "bugflow.db").exists()


def test_an_impossible_setting_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "db", "status", BUGFLOW_PORT="many")
    assert (done.returncode, "BUGFLOW_PORT" in done.stderr) == (2, True)


@pytest.fixture(params=["1", "2"])
def demo(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    command = [sys.executable, "-m", "bugflow", "demo", "--port", str(port)]
    own = {
        "BUGFLOW_HOME": str(tmp_path),
        "BUGFLOW_WEB_PROCESSES": request.param,
        "BUGFLOW_DATABASE_URL": f"sqlite:///{tmp_path}/another/bugflow.db",
        "BUGFLOW_STORAGE_URL": f"file://{tmp_path}/another/files",
        "BUGFLOW_BROKER_URL": "redis://127.0.0.1:1/0",
    }
    server = subprocess.Popen(  # noqa: S603 -- Our own command.
        command, env=variables | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(600):
        try:
            httpx.get(f"{address}/health")
            break
        except httpx.TransportError:
            time.sleep(0.1)
    yield address
    server.terminate()
    server.wait()


def test_the_demo_serves_its_accounts_and_issues_and_leaves_another_installation_alone(
    demo: str, tmp_path: Path
) -> None:
    accounts = {"tester": "tester123", "dev": "dev123", "pm": "pm123"}
    for name, password in accounts.items():
        answer = httpx.post(f"{demo}/token", json={"username": f"{name}@bugflow.com", "password": password})
        assert answer.status_code == 200
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        page = httpx.get(f"{demo}/api/v1/issues", params={"q": "basket", "limit": 5}, headers=headers).json()
        assert "basket" in page["items"][0]["title"].lower()
    database = sqlite3.connect(f"file:{tmp_path}/demo/bugflow.db?mode=ro", uri=True)
    done = "SELECT count(*) FROM job_runs WHERE state = 'succeeded'"
    wait_until(lambda: database.execute(done).fetchone()[0] > 0, 60)  # Its worker is at work.
    database.close()
    assert not (tmp_path / "another").exists()
