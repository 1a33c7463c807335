"""What was answered reaches the ledger, and no request notices."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from bugflow.core.database import Database, open_database
from bugflow.mlops.predictions.writing import PredictionLog
from factories.app import Installation
from factories.locks import hold
from factories.predictions import NOON, build_entry, read_ledger
from factories.runners import wait_until
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        return build_workplace(session)


@pytest.fixture
def impatient(database_url: str) -> Iterator[Database]:
    """The same database for one who does not wait for locks."""
    opened = open_database(database_url, timeout_seconds=0.05, pool_size=2)
    yield opened
    opened.dispose()


def ledger_lock(database: Database) -> str:
    """Return the statement that keeps everybody else from writing the ledger."""
    return "UPDATE projects SET name = name" if database.is_embedded else "LOCK TABLE predictions"


def test_a_thousand_answers_are_written_in_a_few_transactions(database: Database, workplace: Workplace) -> None:
    commits = 0

    def count(_: object) -> None:
        nonlocal commits
        commits += 1

    event.listen(database.engine, "commit", count)
    log = PredictionLog(database, seconds=0.05)
    log.start()
    for number in range(1000):
        log.note([build_entry(workplace.project.id, draft_key=f"draft {number}")])
    wait_until(lambda: log.read_counts()["written"] == 1000)
    log.stop()
    assert commits == log.read_counts()["transactions"] <= 20
    assert len({row.draft_key for row in read_ledger(database)}) == 1000


def test_what_waits_is_written_when_the_log_is_stopped(database: Database, workplace: Workplace) -> None:
    log = PredictionLog(database, seconds=3600)
    log.start()
    log.note([build_entry(workplace.project.id, draft_key="a")])
    assert read_ledger(database) == []
    log.stop()
    [row] = read_ledger(database)
    assert (row.label, row.probability, row.shown, row.created_at) == ("high", 0.8, True, NOON)


def test_an_answer_waits_for_no_lock_and_is_written_after_it(
    database: Database, impatient: Database, workplace: Workplace
) -> None:
    log = PredictionLog(impatient, seconds=0.01)
    log.start()
    with capture_logs() as told, hold(database, ledger_lock(database)):
        started = time.perf_counter()
        log.note([build_entry(workplace.project.id, draft_key="a")])
        assert time.perf_counter() - started < 0.05
        wait_until(lambda: bool(told))
        log.note([build_entry(workplace.project.id, draft_key="b")])
    wait_until(lambda: log.read_counts()["written"] == 2)
    log.stop()
    assert {row.draft_key for row in read_ledger(database)} == {"a", "b"}
    assert {each["event"] for each in told} == {"predictions_wait_for_database"}


def test_while_the_database_is_away_the_newest_are_kept_and_the_others_counted(
    database: Database, impatient: Database, workplace: Workplace
) -> None:
    log = PredictionLog(impatient, most_waiting=10)
    with hold(database, ledger_lock(database)):
        for number in range(8):
            log.note([build_entry(workplace.project.id, draft_key=f"{number:02}")])
        assert not log.write()
        for number in range(8, 25):
            log.note([build_entry(workplace.project.id, draft_key=f"{number:02}")])
        assert not log.write()
    assert log.write()
    assert [row.draft_key for row in read_ledger(database)] == [f"{number:02}" for number in range(15, 25)]
    assert log.read_counts() == {"waiting": 0, "written": 10, "dropped": 15, "transactions": 1}


def test_what_came_while_a_batch_failed_is_newer_than_the_batch(
    database: Database, impatient: Database, workplace: Workplace
) -> None:
    log = PredictionLog(impatient, most_waiting=3)
    log.note([build_entry(workplace.project.id, draft_key=key) for key in "abc"])
    with hold(database, ledger_lock(database)):
        writing = threading.Thread(target=log.write)
        writing.start()
        wait_until(lambda: log.read_counts()["waiting"] == 0)
        log.note([build_entry(workplace.project.id, draft_key="d")])
        writing.join()
    assert log.write()
    assert {row.draft_key for row in read_ledger(database)} == {"b", "c", "d"}


def test_what_the_database_refuses_is_dropped_and_stops_nothing_else(database: Database, workplace: Workplace) -> None:
    log = PredictionLog(database)
    log.note([build_entry(workplace.project.id, issue_id=4711)])
    with capture_logs() as told:
        assert log.write()
    log.note([build_entry(workplace.project.id, draft_key="a")])
    assert log.write()
    assert [row.draft_key for row in read_ledger(database)] == ["a"]
    assert log.read_counts()["dropped"] == 1
    assert [each["event"] for each in told] == ["predictions_refused"]


def test_two_servers_that_answer_the_same_make_one_row(
    database: Database, database_url: str, workplace: Workplace
) -> None:
    with database.transaction() as session:
        issue = workplace.report(session)
    other = open_database(database_url)
    logs = [PredictionLog(each, seconds=0.01) for each in (database, other)]
    for log in logs:
        log.start()
    for number in range(50):
        moment = NOON + timedelta(seconds=number)
        for log in logs:
            log.note(
                [
                    build_entry(workplace.project.id, issue_id=issue.id, created_at=moment),
                    build_entry(workplace.project.id, issue_id=issue.id, field="team", model_version=None),
                    build_entry(workplace.project.id, draft_key="a", created_at=moment),
                ]
            )
    for log in logs:
        log.stop()
    other.dispose()
    rows = [(row.issue_id, row.draft_key, row.field) for row in read_ledger(database)]
    assert sorted(rows, key=str) == sorted(
        [(issue.id, None, "severity"), (issue.id, None, "team"), (None, "a", "severity")], key=str
    )


def test_a_log_can_be_started_again(database: Database, workplace: Workplace) -> None:
    log = PredictionLog(database, seconds=3600)
    for key in "ab":
        log.start()
        log.note([build_entry(workplace.project.id, draft_key=key)])
        log.stop()
    assert [row.draft_key for row in read_ledger(database)] == ["a", "b"]


def test_what_was_written_is_measured(installation: Installation) -> None:
    installation.call("tester", "POST", "/predict", json={"description": "It crashes.", "project": "WEB"})
    wait_until(lambda: 'bugflow_prediction_log{what="written"} 2.0' in installation.client.get("/metrics").text)
    assert len(read_ledger(installation.database)) == 2


def test_a_server_answers_while_its_ledger_cannot_be_written(installation: Installation) -> None:
    ask = {"description": "It crashes.", "project": "WEB"}
    installation.call("tester", "POST", "/predict", json=ask)
    with hold(installation.database, ledger_lock(installation.database)):
        for _ in range(3):
            assert installation.call("tester", "POST", "/predict", json=ask)["severity"]
    wait_until(lambda: len(read_ledger(installation.database)) == 2)
