"""Jobs run by Celery. The table stays the truth: a message is no more than the number of a run to look at.

The beat turns events into runs and sends the due ones; a worker claims the run that a message names, or finds that
there is nothing to claim. So a message may be lost (it is sent again) or come twice (it is claimed once).
"""

import os
import socket
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.signals import setup_logging, worker_process_init
from kombu.entity import Queue
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy.exc import SQLAlchemyError

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.execution import run_next
from bugflow.core.jobs.lanes import Lane
from bugflow.core.jobs.queue import note_unsent, take_unsent
from bugflow.core.jobs.runners import Housekeeping, name_runner, repeat_until
from bugflow.core.jobs.stopping import Stop
from bugflow.core.jobs.supervisor import ParentWatch

log = structlog.get_logger()

RUN_TASK = "bugflow.run"
SEND_AT_ONCE = 200
RESEND = timedelta(seconds=60)
"""After this long, a run that nobody has begun is sent again: its message may be lost."""
BROKER_TIMEOUT_SECONDS = 3
BROKER_PAUSE_SECONDS = 2.0
SOFT_SHUTDOWN_SECONDS = 10.0


def list_queues(queue: str, lane: Lane) -> list[str]:
    """Return the names of the queues that carry the jobs of a lane."""
    quick, long = queue, f"{queue}.long"
    return {Lane.ALL: [quick, long], Lane.QUICK: [quick], Lane.LONG: [long]}[lane]


def build_celery(broker_url: str, *, queue: str) -> Celery:
    """Return a Celery application without tasks: JSON only, no results, one message at a time for each job slot."""
    queues = [Queue(name, routing_key=name, durable=True) for name in list_queues(queue, Lane.ALL)]  # type: ignore[no-untyped-call]
    app = Celery("bugflow", broker=broker_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_publish_retry=False,  # The beat tries again itself, by the table.
        task_queues=queues,
        task_default_queue=queue,
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,  # Nobody who can write to the broker shall command workers.
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_soft_shutdown_timeout=SOFT_SHUTDOWN_SECONDS,
        worker_cancel_long_running_tasks_on_connection_loss=False,  # The lease says whose the run is.
        broker_connection_timeout=BROKER_TIMEOUT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport_options(broker_url),
    )
    if _is_redis(broker_url):
        app.steps["consumer"].add(GiveBackAtTheEnd)
    return app


def _is_redis(broker_url: str) -> bool:
    return broker_url.startswith(("redis://", "rediss://"))


def _transport_options(broker_url: str) -> dict[str, Any]:
    if _is_redis(broker_url):
        return {
            "socket_connect_timeout": BROKER_TIMEOUT_SECONDS,
            "socket_timeout": BROKER_TIMEOUT_SECONDS,
            "socket_keepalive": True,
            # Redis knows no acknowledgement. Kombu emulates it, and a worker whose emulated one fails, as Redis died
            # meanwhile, counts its job as running for ever and takes no other. The table needs none.
            "ack_emulation": False,
        }
    return {"confirm_publish": True, "max_retries": 0, "on_open": _limit_waiting}


def _limit_waiting(connection: Any) -> None:  # noqa: ANN401 -- Celery is not typed.
    """Let no answer of RabbitMQ be waited for without end; py-amqp's own `read_timeout` begins anew for ever."""
    connection.sock.settimeout(BROKER_TIMEOUT_SECONDS)


class GiveBackAtTheEnd(bootsteps.StartStopStep):  # type: ignore[misc]
    """Has a worker that ends give back the messages it has not begun; one that has lost Redis does not try.

    Kombu dumps into a file what cannot be given back. Nobody needs that: the table has the runs.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:  # noqa: ANN401 -- Celery is not typed.
        """Keep the messages of a connection just made."""
        consumer.task_consumer.channel.do_restore = False

    def stop(self, consumer: Any) -> None:  # noqa: ANN401 -- The same.
        """Give them back when the connection is closed; a lost one is closed already."""
        if consumer.task_consumer is not None:
            consumer.task_consumer.channel.do_restore = True


class CeleryBeat:
    """Sends due runs to the workers. Several may run: the table keeps a run from being sent twice at a time."""

    def __init__(
        self,
        app: Celery,
        database: Database,
        registry: JobRegistry,
        *,
        poll_seconds: float = 0.5,
        history_days: int = 30,
        resend: timedelta = RESEND,
    ) -> None:
        self._app = app
        self._database = database
        self._jobs = {lane: registry.names_in(lane) for lane in (Lane.QUICK, Lane.LONG)}
        self._housekeeping = Housekeeping(database, registry, history_days=history_days)
        self._poll_seconds = poll_seconds
        self._resend = resend
        self._broker_away = False

    def run_until(self, stop: Stop) -> None:
        """Work until told to stop. A broker or database that is away is waited for; the log says it once."""
        log.info("job_beat_started")

        def work_once() -> bool:
            try:
                sent = self.work_once()
            except (BrokerError, OSError) as error:
                if not self._broker_away:
                    log.warning("job_beat_broker_away", error=str(error)[:300])
                self._broker_away = True
                stop.wait(BROKER_PAUSE_SECONDS)
                return False
            if sent and self._broker_away:
                log.info("job_beat_broker_back")
                self._broker_away = False
            return sent

        repeat_until(stop, work_once, poll_seconds=self._poll_seconds)
        log.info("job_beat_stopped")

    def work_once(self) -> bool:
        """Dispatch what waits and send what is due; return whether anything was sent.

        Raises:
            BrokerError: The broker does not answer; what was not sent is noted so.
        """
        resend_before = utc_now() - self._resend
        work = self._housekeeping.keep(resend_before=resend_before)
        if not (work.events or work.runs or work.long_runs or work.dead):
            return False
        with self._database.transaction() as session:
            unsent = [
                (lane, run_id)
                for lane, jobs in self._jobs.items()
                for run_id in take_unsent(
                    session, now=utc_now(), resend_before=resend_before, limit=SEND_AT_ONCE, jobs=jobs
                )
            ]
        found = len(unsent) > 0
        try:
            with self._app.producer_pool.acquire(block=True) as producer:
                while unsent:
                    self._send(producer, *unsent[0])
                    unsent.pop(0)
        finally:
            if unsent:
                with self._database.transaction() as session:
                    note_unsent(session, [run_id for _, run_id in unsent])
        return found

    def _send(self, producer: Any, lane: Lane, run_id: int) -> None:  # noqa: ANN401 -- Celery is not typed.
        [queue] = list_queues(self._app.conf.task_default_queue, lane)
        try:
            self._app.send_task(RUN_TASK, args=[run_id], producer=producer, queue=queue)
        except BrokerError as error:
            if not isinstance(error.__cause__, TimeoutError):
                raise
            producer.connection.collect()  # A late answer would be taken for the answer to the next message.
            detail = f"The broker is connected, but did not answer within {BROKER_TIMEOUT_SECONDS} seconds."
            raise BrokerError(detail) from error


def run_celery_worker(
    app: Celery,
    open_database: Callable[[], Database],
    registry: JobRegistry,
    *,
    lease_seconds: int,
    concurrency: int,
    lane: Lane = Lane.ALL,
) -> int:
    """Run the jobs of a lane in `concurrency` child processes until SIGTERM, after which running jobs are finished.

    The database is opened in each child: a connection must not pass through a fork.

    Returns:
        The exit code.
    """

    @cache
    def database_of_this_process() -> Database:
        return open_database()

    @app.task(name=RUN_TASK)  # type: ignore[untyped-decorator]
    def run(run_id: int) -> None:
        try:
            run_next(
                database_of_this_process(), registry, runner=name_runner(), lease_seconds=lease_seconds, run_id=run_id
            )
        except SQLAlchemyError as error:  # Not claimed: it is sent again. Claimed: its lease will end.
            log.warning("job_runner_database_away", run=run_id, error=str(getattr(error, "orig", None) or error)[:300])

    end_with_parent = ParentWatch()

    def prepare_child(**_: object) -> None:
        end_with_parent()

    worker_process_init.connect(prepare_child, weak=False)
    setup_logging.connect(_keep_logging, weak=False)
    worker = app.Worker(
        hostname=f"bugflow-{os.getpid()}@{socket.gethostname()}",
        concurrency=concurrency,
        queues=list_queues(app.conf.task_default_queue, lane),
        pool="prefork",
        optimization="fair",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _keep_logging(**_: object) -> None:
    """Stand in for Celery's own set-up of the logs."""
