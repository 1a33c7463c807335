"""The four ways to run jobs, each as a test drives it: queue, settle, look at the table."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import func, select, text

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.celery_runner import build_celery
from bugflow.core.jobs.lanes import Lane
from bugflow.core.jobs.runners import MemoryRunner
from bugflow.core.jobs.supervisor import WorkerSupervisor
from bugflow.core.jobs.tables import JobRun, OutboxEvent
from factories.jobs import REGISTRY, command

TESTS = Path(__file__).parents[1]
BROKERS = {
    "redis": os.environ.get("BUGFLOW_TEST_REDIS_URL", "redis://127.0.0.1:6379/9"),
    "rabbitmq": os.environ.get("BUGFLOW_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}
PATIENCE_SECONDS = 25


def environment() -> dict[str, str]:
    """Return the environment of a process that runs the jobs of the tests."""
    return os.environ | {"PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "ignore"}


@dataclass
class Runner:
    """A kind of runner on a database of its own, running unless it is the one in memory."""

    kind: str
    database: Database
    address: str
    broker: str = ""
    queue: str = ""
    lanes: Sequence[str] = (Lane.ALL,)
    supervisors: list[WorkerSupervisor] = field(default_factory=list)

    @property
    def worker_commands(self) -> list[list[str]]:
        """The commands of the processes that run jobs, one for each lane where there is a broker."""
        if self.broker:
            return [command("celery-worker", self.address, self.broker, self.queue, lane) for lane in self.lanes]
        return [command(self.kind, self.address)]

    def settle(self) -> None:
        """Wait until nothing is left to do now."""
        if self.kind == "memory":
            MemoryRunner(self.database, REGISTRY).run_pending()
        wait_until(lambda: pending(self.database) == 0)

    def begin(self) -> threading.Thread:
        """Have the work begin, without waiting for its end."""
        thread = threading.Thread(target=self.settle)
        thread.start()
        return thread

    def die(self) -> None:
        """Have the work begin in a process that the job kills."""
        if self.kind == "memory":
            subprocess.run(self.worker_commands[0], env=environment(), check=False)  # noqa: S603 -- Ours.

    def empty(self) -> None:
        """Forget all jobs and what they wrote."""
        with self.database.transaction() as session:
            for table in ("job_runs", "outbox_events", "severities"):
                session.execute(text(f"DELETE FROM {table}"))  # noqa: S608 -- Constants.


@contextmanager
def run_runner(
    kind: str,
    database: Database,
    address: str,
    queue: str,
    *,
    broker: str | None = None,
    lanes: Sequence[str] = (Lane.ALL,),
) -> Iterator[Runner]:
    """Start what a kind of runner consists of, on the broker of its kind or the one given."""
    broker = BROKERS.get(kind, "") if broker is None else broker
    runner = Runner(kind, database, address, broker, queue, lanes)
    commands: Sequence[list[str]] = []
    if broker:
        commands = [*runner.worker_commands, command("celery-beat", address, broker, queue)]
    elif kind == "embedded":
        commands = runner.worker_commands
    with ExitStack() as stack:
        if broker:
            stack.callback(delete_queue, broker, queue)
        for each in commands:
            supervisor = WorkerSupervisor(each, environment())
            supervisor.start()
            runner.supervisors.append(supervisor)
            stack.callback(supervisor.stop)
        yield runner


@contextmanager
def run_worker(runner: Runner) -> Iterator[subprocess.Popen[bytes]]:
    """Start a worker that nobody starts again, instead of the runner's own."""
    for supervisor in runner.supervisors[:1]:
        supervisor.stop()
    with subprocess.Popen(runner.worker_commands[0], env=environment()) as worker:  # noqa: S603 -- Ours.
        try:
            yield worker
        finally:
            worker.kill()


def delete_queue(broker: str, queue: str) -> None:
    """Leave nothing of a test at the broker; Redis forgets only what this process has declared, too."""
    with build_celery(broker, queue=queue) as app, app.connection_for_write() as link, link.channel() as channel:
        for each in app.amqp.queues.values():
            declared = each(channel)
            declared.declare()
            declared.delete()
        channel.exchange_delete(queue)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so, at most a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.03)


def pending(database: Database) -> int:
    """Return how many events and jobs are left to do now."""
    with database.snapshot() as session:
        events = select(func.count()).select_from(OutboxEvent).where(OutboxEvent.dispatched_at.is_(None))
        runs = select(func.count()).select_from(JobRun).where(JobRun.state.in_(["queued", "running"]))
        runs = runs.where((JobRun.due_at <= utc_now()) | (JobRun.state == "running"))
        return (session.scalar(events) or 0) + (session.scalar(runs) or 0)
