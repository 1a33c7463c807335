"""Processes killed at any moment: what was answered is there, and the work goes on."""

import os
import signal
import threading
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from sqlalchemy import func, make_url, select, text, update

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.queue import enqueue
from bugflow.core.jobs.tables import JobRun, OutboxEvent
from bugflow.tracker.audit.tables import AuditEntry
from bugflow.tracker.issues.tables import Comment, Issue
from factories.exports import jira_issue, jira_search
from factories.jobs import wait_for_file, write_by_hand
from factories.runners import pending, run_runner, wait_until
from factories.server import Server, children_of, is_alive, prepare_people, run_server

CLIENTS = 8
LONG_SECONDS = 90.0


def report_until_killed(server: Server, number: int, answered: list[str]) -> None:
    with server.client() as client:
        for count in range(10_000):
            title = f"Client {number} report {count}"
            body = {"project": "WEB", "title": title, "description": "It breaks."}
            try:
                answer = client.post("/api/v1/issues", json=body)
            except httpx.HTTPError:
                return
            if answer.status_code == 201:
                answered.append(title)


def test_every_answered_report_survives_the_killed_server(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    prepare_people(database_url)
    answered: list[str] = []
    with run_server(tmp_path / "home", database_url) as server:
        wait_until(lambda: bool(children_of(server.process.pid)))
        [worker] = children_of(server.process.pid)
        server.client().close()
        threads = [
            threading.Thread(target=report_until_killed, args=(server, number, answered)) for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answered) >= 40)
        server.kill()
        for thread in threads:
            thread.join()
    wait_until(lambda: not is_alive(worker))
    with run_server(tmp_path / "home", database_url) as restarted, restarted.client() as client:
        found = {issue.title: issue.id for issue in client_issues(database)}
        assert set(answered) <= set(found)
        answer = client.get(f"/api/v1/issues/{found[answered[-1]]}")
        assert (answer.status_code, answer.json()["title"]) == (200, answered[-1])
        require_whole(database, len(found))
        wait_until(lambda: pending(database) == 0)


def client_issues(database: Database) -> list[Issue]:
    with database.snapshot() as session:
        return list(session.scalars(select(Issue)))


def require_whole(database: Database, issues: int) -> None:
    """Each issue has its event and its audit entry, and the file is sound."""
    with database.snapshot() as session:
        events = select(func.count()).where(OutboxEvent.name == "IssueReported")
        entries = select(func.count()).where(AuditEntry.action == "issue.reported")
        assert (session.scalar(events), session.scalar(entries)) == (issues, issues)
        if make_url(str(database.engine.url)).get_backend_name() == "sqlite":
            assert session.scalars(text("PRAGMA integrity_check")).all() == ["ok"]


def test_a_killed_worker_is_started_again_and_does_the_job(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    prepare_people(database_url)
    with run_server(tmp_path / "home", database_url) as server, server.client() as client:
        wait_until(lambda: bool(children_of(server.process.pid)))
        [worker] = children_of(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not is_alive(worker))
        body = {"project": "WEB", "title": "While it is away", "description": "It breaks."}
        assert client.post("/api/v1/issues", json=body).status_code == 201
        with database.transaction() as session:
            run_id = enqueue(session, write_by_hand, now=utc_now(), name_rung="a").id
        wait_until(lambda: pending(database) == 0)
        [other] = children_of(server.process.pid)
        assert other != worker
    with database.snapshot() as session:
        run = session.get(JobRun, run_id)
        assert run is not None
        assert (run.attempts, run.error) == (1, f"There is no job {run.job} in this version of BugFlow.")
        told = session.scalars(select(JobRun.state).where(JobRun.job.like("%tell_of_report"))).all()
    assert told == ["succeeded"]


def test_a_stopped_server_takes_its_worker_along(database_url: str, tmp_path: Path) -> None:
    prepare_people(database_url)
    with run_server(tmp_path / "home", database_url) as server:
        wait_until(lambda: bool(children_of(server.process.pid)))
        [worker] = children_of(server.process.pid)
        server.process.terminate()
        assert server.process.wait(30) == 0
        assert not is_alive(worker)


def test_a_killed_celery_worker_leaves_nobody_behind_and_the_next_does_its_job(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    with run_runner("redis", database, database_url, f"bugflow_test_{uuid4().hex}") as runner:
        with database.transaction() as session:
            run_id = enqueue(session, wait_for_file, now=utc_now(), path=str(tmp_path / "go")).id
        wait_until(lambda: state_of(database, run_id) == "running")
        worker = runner.supervisors[0].pid or 0
        children = children_of(worker)
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not any(is_alive(child) for child in children))
        (tmp_path / "go").touch()
        with database.transaction() as session:
            session.execute(update(JobRun).values(lease_until=utc_now() - timedelta(seconds=1)))
        wait_until(lambda: state_of(database, run_id) == "queued")
        with database.transaction() as session:
            session.execute(update(JobRun).values(due_at=utc_now()))
        wait_until(lambda: state_of(database, run_id) == "succeeded")
    assert children != []


def state_of(database: Database, run_id: int) -> str | None:
    with database.snapshot() as session:
        return session.scalar(select(JobRun.state).where(JobRun.id == run_id))


def test_an_import_over_http_survives_its_killed_worker_without_doubling_anything(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    prepare_people(database_url)
    comments = {"comments": [{"id": "1", "body": "Seen.", "created": "2024-01-02T00:00:00.000+0000"}]}
    export = jira_search(*(jira_issue(f"ROC-{number}", comment=comments) for number in range(1, 2001)))
    with run_server(tmp_path / "home", database_url, JOB_LEASE_SECONDS="5") as server, server.client() as client:
        wait_until(lambda: bool(children_of(server.process.pid)))
        sent = client.post("/api/v1/imports", data={"source": "jira"}, files={"files": export}).json()
        wait_until(lambda: count_rows(database, Issue) > 0)
        [worker] = children_of(server.process.pid)
        os.kill(worker, signal.SIGKILL)
        path = f"/api/v1/imports/{sent['id']}"
        wait_until(lambda: client.get(path).json()["state"] == "succeeded", LONG_SECONDS)
        report = client.get(path).json()["report"]
    assert report["new_issues"] + report["unchanged_issues"] == 2000
    assert 0 < report["unchanged_issues"] < 2000
    assert (count_rows(database, Issue), count_rows(database, Comment)) == (2000, 2000)


def count_rows(database: Database, table: type) -> int:
    with database.snapshot() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0
