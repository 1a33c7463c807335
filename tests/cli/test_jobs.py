import json
import os
import subprocess
import sys
from uuid import uuid4

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.queue import enqueue
from factories.jobs import write_by_hand


def run(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"BUGFLOW_DATABASE_URL": database_url, "COLUMNS": "200"}
    environment.pop("BUGFLOW_BROKER_URL", None)
    command = [sys.executable, "-m", "bugflow", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)  # noqa: S603 -- Ours.


def test_jobs_are_listed_shown_and_queued_again(database: Database, database_url: str) -> None:
    with database.transaction() as session:
        failed = enqueue(session, write_by_hand, now=utc_now(), name_rung="a")
        failed.state, failed.error, number = "failed", "ValueError: [bad]", str(failed.uuid)
    [listed] = json.loads(run(database_url, "jobs", "list", "--state", "failed", "--json").stdout)
    assert (listed["id"], listed["error"]) == (number, "ValueError: [bad]")
    assert "ValueError: [bad]" in run(database_url, "jobs", "list").stdout
    assert "error: ValueError: [bad]" in run(database_url, "jobs", "show", number).stdout
    assert json.loads(run(database_url, "jobs", "retry", number, "--json").stdout)["state"] == "queued"
    again = run(database_url, "jobs", "retry", number)
    assert (again.returncode, "is queued. Only a job that has failed" in again.stderr) == (4, True)


def test_what_is_not_there_is_said_in_a_sentence(database: Database, database_url: str) -> None:
    assert database
    assert "There are none." in run(database_url, "jobs", "list").stdout
    missing = run(database_url, "jobs", "show", str(uuid4()))
    assert (missing.returncode, "There is no job" in missing.stderr) == (3, True)
    wrong = run(database_url, "jobs", "list", "--state", "lost")
    assert (wrong.returncode, "There is no state 'lost'" in wrong.stderr) == (2, True)
    beat = run(database_url, "beat")
    assert (beat.returncode, "BUGFLOW_BROKER_URL is not set" in beat.stderr) == (2, True)
