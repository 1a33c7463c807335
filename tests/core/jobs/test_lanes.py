"""Two lanes: quick jobs go on while a long one runs, and the long one's process is there only while it is needed."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bugflow.assist.duplicates.jobs import profile_many
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry, job, job_of
from bugflow.core.jobs.events import announce
from bugflow.core.jobs.lanes import Lane
from bugflow.core.jobs.long_process import LongProcess
from bugflow.core.jobs.queue import claim_run, enqueue, find_work, is_pending, take_unsent
from bugflow.core.jobs.runners import Housekeeping, run_long_jobs
from bugflow.core.jobs.supervisor import SHORTEST_PAUSE_SECONDS, STEADY_SECONDS
from bugflow.core.jobs.tables import JobRun
from factories.jobs import REGISTRY, Rang, take_long, write_by_hand
from factories.runners import BROKERS, Runner, pending, run_runner, run_worker, wait_until
from factories.server import children_of, is_alive

LONG_SECONDS = 90.0
"""For a program that loads everything, on a machine that does much else."""
QUICK, LONG = REGISTRY.names_in(Lane.QUICK), REGISTRY.names_in(Lane.LONG)


@pytest.fixture
def embedded(database: Database, database_url: str) -> Iterator[Runner]:
    with run_runner("embedded", database, database_url, "") as running:
        yield running


def enqueue_long(database: Database, path: Path) -> int:
    with database.transaction() as session:
        return enqueue(session, take_long, now=utc_now(), path=str(path)).id


def begin_long(database: Database, path: Path) -> int:
    """Have a long job run that ends when a file is there; return its run's number."""
    run_id = enqueue_long(database, path)
    wait_until(lambda: get(database, run_id).progress > 0, LONG_SECONDS)
    return run_id


def get(database: Database, run_id: int) -> JobRun:
    with database.snapshot() as session:
        return session.get_one(JobRun, run_id)


def pid_of(run: JobRun) -> int:
    """Return the number of the process that has a run."""
    return int((run.runner or "").split(":")[-2])


def written(database: Database) -> list[str]:
    with database.snapshot() as session:
        return list(session.scalars(text("SELECT name FROM severities ORDER BY name")))


def test_a_run_belongs_to_the_lane_of_its_job_and_to_the_quick_one_where_nobody_knows_it(database: Database) -> None:
    now = utc_now()
    with database.transaction() as session:
        long = enqueue(session, take_long, now=now - timedelta(seconds=1), path="").id
        gone = enqueue(session, write_by_hand, now=now, name_rung="a")
        gone.job = "tracker.gone"
        session.flush()
        found = find_work(session, now=now, long_jobs=REGISTRY.list_long())
        assert (found.runs, found.long_runs) == (True, True)
        for jobs, expected in ((QUICK, gone.id), (QUICK, None), (LONG, long), (LONG, None)):
            run = claim_run(session, runner="r", now=now, lease_seconds=60, jobs=jobs)
            assert (run.id if run is not None else None) == expected
        found = find_work(session, now=now, long_jobs=REGISTRY.list_long())
        assert (found.runs, found.long_runs) == (False, False)


def test_long_jobs_take_no_room_at_the_broker_from_quick_ones(database: Database) -> None:
    now, early = utc_now(), utc_now() - timedelta(seconds=60)
    with database.transaction() as session:
        long = [enqueue(session, take_long, now=now, path="").id for _ in range(3)]
        quick = enqueue(session, write_by_hand, now=now, name_rung="a").id
        assert take_unsent(session, now=now, resend_before=early, limit=2, jobs=LONG) == long[:2]
        assert take_unsent(session, now=now, resend_before=early, limit=2, jobs=QUICK) == [quick]
        assert take_unsent(session, now=now, resend_before=early, limit=2, jobs=LONG) == []


def test_events_do_not_wait_for_a_long_run_that_is_due(database: Database, tmp_path: Path) -> None:
    enqueue_long(database, tmp_path)
    with database.transaction() as session:
        announce(session, Rang(name_rung="a"))
    assert Housekeeping(database, REGISTRY, history_days=30).keep().events
    with database.snapshot() as session:
        assert find_work(session, now=utc_now(), long_jobs=REGISTRY.list_long()).runs


def test_a_run_is_pending_until_it_has_ended(database: Database) -> None:
    now = utc_now()
    with database.transaction() as session:
        assert not is_pending(session, take_long)
        run = enqueue(session, take_long, now=now, due_at=now + timedelta(hours=1), path="")
        for state, expected in (("queued", True), ("running", True), ("succeeded", False), ("failed", False)):
            run.state = state
            session.flush()
            assert is_pending(session, take_long) == expected


@pytest.mark.parametrize("kind", ["embedded", *BROKERS])
def test_quick_jobs_are_done_while_a_long_one_runs(
    database: Database, database_url: str, tmp_path: Path, kind: str
) -> None:
    queue = f"bugflow_test_{uuid4().hex}"
    with run_runner(kind, database, database_url, queue, lanes=(Lane.QUICK, Lane.LONG)) as runner:
        run_id = begin_long(database, tmp_path / "go")
        other = enqueue_long(database, tmp_path / "go")
        with database.transaction() as session:
            announce(session, Rang(name_rung="announced"))
            enqueue(session, write_by_hand, now=utc_now(), name_rung="by hand")
        wait_until(lambda: written(database) == ["announced", "by hand"], LONG_SECONDS)
        assert (get(database, run_id).state, get(database, other).state) == ("running", "queued")
        (tmp_path / "go").touch()
        runner.settle()
    assert [(get(database, each).state, get(database, each).attempts) for each in (run_id, other)] == [
        ("succeeded", 1),
        ("succeeded", 1),
    ]


def test_one_process_does_the_long_jobs_that_are_due_and_ends(
    embedded: Runner, database: Database, tmp_path: Path
) -> None:
    run_id = begin_long(database, tmp_path / "go")
    other = enqueue_long(database, tmp_path / "go")
    process, worker = pid_of(get(database, run_id)), embedded.supervisors[0].pid or 0
    assert children_of(worker) == [process]
    (tmp_path / "go").touch()
    wait_until(lambda: not is_alive(process))
    assert pid_of(get(database, other)) == process
    assert embedded.supervisors[0].pid == worker
    wait_until(lambda: children_of(worker) == [])
    again = begin_long(database, tmp_path / "go")
    assert pid_of(get(database, again)) not in {process, worker}


def test_a_long_job_whose_process_is_killed_is_taken_again_after_its_lease(
    embedded: Runner, database: Database, tmp_path: Path
) -> None:
    run_id = begin_long(database, tmp_path / "go")
    process = pid_of(get(database, run_id))
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: not is_alive(process))
    (tmp_path / "go").touch()
    assert get(database, run_id).state == "running"
    with database.transaction() as session:
        session.execute(update(JobRun).values(lease_until=utc_now() - timedelta(seconds=1)))
    wait_until(lambda: get(database, run_id).state == "queued")
    with database.transaction() as session:
        session.execute(update(JobRun).values(due_at=utc_now()))
    wait_until(lambda: get(database, run_id).state == "succeeded")
    assert get(database, run_id).attempts == 2
    assert embedded.supervisors[0].pid is not None


def test_a_killed_worker_takes_the_process_for_long_jobs_along(
    embedded: Runner, database: Database, tmp_path: Path
) -> None:
    with run_worker(embedded) as worker:
        process = pid_of(get(database, begin_long(database, tmp_path / "go")))
        worker.kill()
        wait_until(lambda: not is_alive(process))


def test_a_worker_asked_to_end_finishes_its_long_job_first(
    embedded: Runner, database: Database, tmp_path: Path
) -> None:
    with run_worker(embedded) as worker:
        run_id = begin_long(database, tmp_path / "go")
        process = pid_of(get(database, run_id))
        worker.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            worker.wait(0.5)
        assert (is_alive(process), get(database, run_id).state) == (True, "running")
        (tmp_path / "go").touch()
        assert worker.wait(LONG_SECONDS) == 0
        assert not is_alive(process)
    assert (get(database, run_id).state, get(database, run_id).attempts) == ("succeeded", 1)


def test_a_process_asked_to_end_begins_no_other_long_job(database: Database) -> None:
    stop = threading.Event()

    @job(long=True)
    def be_asked_to_end(session: Session) -> None:
        del session
        stop.set()

    with database.transaction() as session:
        runs = [enqueue(session, be_asked_to_end, now=utc_now()).id for _ in range(2)]
    assert run_long_jobs(database, JobRegistry([job_of(be_asked_to_end)]), lease_seconds=60, stop=stop)
    assert [get(database, each).state for each in runs] == ["succeeded", "queued"]


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def run_once(process: LongProcess, *, seconds: float = 0.0) -> None:
    """Have a process start, live so long by its clock, and end by itself."""
    process.tend(wanted=True)
    if isinstance(process._clock, Clock):
        process._clock.now += seconds
    wait_until(lambda: process.pid is None)
    process.tend(wanted=True)


def test_a_process_that_fails_is_started_again_after_a_pause_that_grows(tmp_path: Path) -> None:
    starts, clock = tmp_path / "starts", Clock()
    process = LongProcess(["sh", "-c", f"echo >> {starts}; exit 1"], clock=clock)
    for pause in (1, 2, 4, 8, 16, 30, 30):
        run_once(process)
        clock.now += pause - 0.1
        process.tend(wanted=True)
        assert process.pid is None
        clock.now += 0.2
    run_once(process, seconds=STEADY_SECONDS + 1)
    clock.now += SHORTEST_PAUSE_SECONDS
    run_once(process)
    assert len(starts.read_text().splitlines()) == 9


def test_a_process_that_cannot_be_started_is_tried_again_after_a_pause() -> None:
    clock = Clock()
    process = LongProcess(["/nowhere/at/all"], clock=clock)
    with capture_logs() as lines:
        for _ in range(3):
            process.tend(wanted=True)
        clock.now += 2 * SHORTEST_PAUSE_SECONDS
        for _ in range(3):
            process.tend(wanted=True)
    assert [each["event"] for each in lines].count("long_jobs_not_started") == 2
    process.stop()


def test_a_process_is_not_started_where_it_is_not_wanted_and_not_twice(tmp_path: Path) -> None:
    starts, clock = tmp_path / "starts", Clock()
    process = LongProcess(["sh", "-c", f"echo >> {starts}; sleep 60"], clock=clock)
    process.tend(wanted=False)
    assert process.pid is None
    process.tend(wanted=True)
    wait_until(starts.exists)
    first = process.pid
    process.tend(wanted=True)
    assert process.pid == first
    process.stop()
    assert process.pid is None
    assert len(starts.read_text().splitlines()) == 1


def test_the_program_does_long_jobs_in_a_process_of_their_own(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    with database.transaction() as session:
        runs = [enqueue(session, each, now=utc_now()).id for each in (profile_many, write_by_hand)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BUGFLOW_")}
    environment |= {"BUGFLOW_DATABASE_URL": database_url, "BUGFLOW_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "bugflow", "worker"]
    ended = subprocess.run([*command, "--lane", "long"], env=environment, check=False)  # noqa: S603 -- Ours.
    assert [get(database, each).state for each in runs] == ["succeeded", "queued"]
    with database.transaction() as session:
        long = enqueue(session, profile_many, now=utc_now()).id
    worker = subprocess.Popen(command, env=environment)  # noqa: S603 -- Ours.
    wait_until(lambda: pending(database) == 0, LONG_SECONDS)
    quick = get(database, runs[1])
    assert pid_of(quick) == worker.pid
    assert pid_of(get(database, long)) != worker.pid
    wait_until(lambda: children_of(worker.pid) == [], LONG_SECONDS)
    worker.terminate()
    assert (worker.wait(LONG_SECONDS), ended.returncode) == (0, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="Other systems have no class of idle processes.")
def test_a_process_for_long_jobs_makes_way_for_all_others() -> None:
    code = "import os; from bugflow.worker import make_way; make_way(); print(os.nice(0), os.sched_getscheduler(0))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)  # noqa: S603 -- Ours.
    assert said.stdout.split() == ["19", str(os.SCHED_IDLE)]
