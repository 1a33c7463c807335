"""The job runner's process: wires the jobs of every area to the queue."""

import os
import sys
from functools import cache

from bugflow.assist.backtesting import jobs as backtesting
from bugflow.assist.duplicates import jobs as duplicates
from bugflow.assist.duplicates.encoding import EncoderOnDemand
from bugflow.assist.duplicates.learning_task import DuplicatesTask
from bugflow.assist.duplicates.settling import settle_said
from bugflow.assist.intake import jobs as intake
from bugflow.core.database import Database, open_database
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.jobs.lanes import Lane
from bugflow.core.jobs.long_process import LongProcess
from bugflow.core.jobs.runners import EmbeddedRunner, run_long_jobs
from bugflow.core.jobs.stopping import ProcessStop
from bugflow.core.jobs.supervisor import WorkerSupervisor
from bugflow.core.logging import configure_logging
from bugflow.core.mail import Mailer, open_mailer
from bugflow.core.settings import Settings
from bugflow.core.storage import open_storage
from bugflow.mlops.corrections import jobs as corrections
from bugflow.mlops.monitoring import jobs as monitoring
from bugflow.mlops.monitoring.options import WatchOptions
from bugflow.mlops.predictions import jobs as predictions
from bugflow.mlops.promotion import jobs as promotion
from bugflow.mlops.serving.building import build_patient_models
from bugflow.mlops.training import jobs as training
from bugflow.mlops.training.building import list_resources
from bugflow.tracker.imports import jobs as imports
from bugflow.tracker.notifications import jobs as notifications
from bugflow.tracker.notifications.mail_jobs import build_mail_jobs
from bugflow.tracker.notifications.mails import Post

JOB_MODULES = (
    notifications,
    corrections,
    predictions,
    duplicates,
    intake,
    training,
    promotion,
    monitoring,
    imports,
    backtesting,
)
LONG_COMMAND = (sys.executable, "-m", "bugflow", "worker", "--lane", Lane.LONG)
LONG_NICENESS = 19
"""The lowest there is: long jobs get the processor that requests and quick jobs leave."""


def collect_jobs(settings: Settings | None = None, *, mailer: Mailer | None = None) -> JobRegistry:
    """Return every job of the product; mail goes by this mailer, or by that of the settings."""
    used = settings or Settings()
    post = Post(sender=used.mail_from, public_url=used.public_url, secret=used.secret_key.get_secret_value())
    storage = cache(lambda: open_storage(used.resolved_storage_url))
    encoder = EncoderOnDemand(used).find
    return JobRegistry(
        [*JobRegistry.collect(JOB_MODULES), *build_mail_jobs(mailer or open_mailer(used), post)],
        resources={
            "storage": storage,
            "encoder": encoder,
            "models": cache(lambda: build_patient_models(used, storage(), encoder)),
            "vector_place": lambda: used.duplicates_vectors,
            **list_resources(used, storage, others=(DuplicatesTask.of(used),)),
            "settle_predictions": lambda: settle_said,
            "watching": lambda: WatchOptions.of(used),
            "settings": lambda: used,
        },
    )


def run_worker(settings: Settings, *, lane: Lane) -> int:
    """Run jobs until the process is asked to end, the long lane's until none is due; running jobs are finished first.

    Returns:
        The exit code.
    """
    configure_logging(settings)
    if lane is Lane.LONG:
        return _run_long_jobs(settings)
    database = _open_database(settings)
    runner = EmbeddedRunner(
        database,
        collect_jobs(settings),
        long_process=LongProcess(LONG_COMMAND) if lane is Lane.ALL else None,
        poll_seconds=settings.job_poll_seconds,
        lease_seconds=settings.job_lease_seconds,
        history_days=settings.job_history_days,
    )
    stop = ProcessStop()
    stop.listen()
    runner.run_until(stop)
    database.dispose()
    return 0


def _run_long_jobs(settings: Settings) -> int:
    stop = ProcessStop()
    stop.listen()
    make_way()
    database = _open_database(settings)
    done = run_long_jobs(database, collect_jobs(settings), lease_seconds=settings.job_lease_seconds, stop=stop)
    database.dispose()
    return 0 if done else 1


def make_way() -> None:
    """Let everything else on this machine go first; where the system knows it, at once and not only on average."""
    os.nice(LONG_NICENESS)
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def run_beat(settings: Settings) -> None:
    """Send due jobs to the Celery workers until the process is asked to end."""
    from bugflow.core.jobs.celery_runner import CeleryBeat, build_celery  # noqa: PLC0415 -- Loading Celery takes long.

    configure_logging(settings)
    database = _open_database(settings)
    beat = CeleryBeat(
        build_celery(settings.broker_url, queue=settings.broker_queue),
        database,
        collect_jobs(settings),
        poll_seconds=settings.job_poll_seconds,
        history_days=settings.job_history_days,
    )
    stop = ProcessStop()
    stop.listen()
    beat.run_until(stop)
    database.dispose()


def run_celery(settings: Settings, *, concurrency: int, lane: Lane, beat: bool) -> int:
    """Run a Celery worker for a lane, with a supervised beat beside it where asked for; return the exit code."""
    from bugflow.core.jobs.celery_runner import build_celery, run_celery_worker  # noqa: PLC0415 -- The same.

    configure_logging(settings)
    supervisor = WorkerSupervisor([sys.executable, "-m", "bugflow", "beat"]) if beat else None
    if supervisor is not None:
        supervisor.start()
    if lane is Lane.LONG:
        make_way()
    try:
        return run_celery_worker(
            build_celery(settings.broker_url, queue=settings.broker_queue),
            lambda: _open_database(settings),
            collect_jobs(settings),
            lease_seconds=settings.job_lease_seconds,
            concurrency=concurrency,
            lane=lane,
        )
    finally:
        if supervisor is not None:
            supervisor.stop()


def _open_database(settings: Settings) -> Database:
    return open_database(
        settings.resolved_database_url,
        timeout_seconds=settings.database_timeout_seconds,
        pool_size=5,
        waits_for_disk=False,  # What a power failure takes back is queued again with it.
    )
