"""Commands that run background jobs."""

import os
import sys
from typing import Annotated

import typer

from bugflow.cli.context import load_settings
from bugflow.cli.preparing import prepare_database
from bugflow.core.errors import InvalidError
from bugflow.core.jobs.lanes import Lane
from bugflow.worker import run_beat, run_celery, run_worker


class NoBrokerError(InvalidError):
    """A command that makes sense with a broker only."""

    def __init__(self, command: str) -> None:
        super().__init__(
            f"`bugflow {command}` needs a broker, and BUGFLOW_BROKER_URL is not set. "
            "Without one, `bugflow serve` and `bugflow worker` run the jobs by themselves."
        )


def worker(
    concurrency: Annotated[
        int | None, typer.Option(min=1, max=64, help="With a broker: how many jobs at once; by default one per core.")
    ] = None,
    lane: Annotated[
        Lane,
        typer.Option(
            help="Which jobs: all, quick or long, which may take minutes. "
            "Without a broker, long ends when none is due, and all starts that process by itself."
        ),
    ] = Lane.ALL,
    *,
    beat: Annotated[bool, typer.Option(help="With a broker: also send due jobs, as one worker at least must.")] = True,
) -> None:
    """Run background jobs: by Celery where BUGFLOW_BROKER_URL is set. Without it `serve` does this by itself."""
    settings = load_settings()
    if not settings.broker_url and concurrency is not None:
        raise NoBrokerError("worker --concurrency")
    prepare_database(settings)
    if not settings.broker_url:
        sys.exit(run_worker(settings, lane=lane))
    sys.exit(run_celery(settings, concurrency=concurrency or os.cpu_count() or 1, lane=lane, beat=beat))


def beat() -> None:
    """Send due jobs to the Celery workers; `worker` does this too, unless started with --no-beat."""
    settings = load_settings()
    if not settings.broker_url:
        raise NoBrokerError("beat")
    prepare_database(settings)
    run_beat(settings)
