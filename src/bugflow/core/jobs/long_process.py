"""Running long jobs in a process that is there only while there are some."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence

import structlog

from bugflow.core.jobs.stopping import SUPERVISOR_VARIABLE
from bugflow.core.jobs.supervisor import SHORTEST_PAUSE_SECONDS, ParentWatch, lengthen_pause, start_watched

log = structlog.get_logger()


class LongProcess:
    """Starts a command that runs the long jobs that are due and ends by itself: one at a time, for one thread.

    While it is not there it costs nothing, and what a job took of memory goes with it. One that fails is started again
    after a pause, longer each time. Whoever kills this process kills that one too: nobody would wait for it any more,
    and its job is taken again after its lease.
    """

    def __init__(self, command: Sequence[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._command = list(command)
        self._environment = os.environ | {SUPERVISOR_VARIABLE: str(os.getpid())}
        self._clock = clock
        self._end_with_parent = ParentWatch(signal.SIGKILL)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._pause = SHORTEST_PAUSE_SECONDS
        self._not_before = float("-inf")

    @property
    def pid(self) -> int | None:
        """Its number, while it is there."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def tend(self, *, wanted: bool) -> None:
        """Note that it has ended, and start it where it is wanted, is not there and has not just failed."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return
            self._process = None
            self._wait_after(code)
        if wanted and self._clock() >= self._not_before:
            self._start()

    def stop(self) -> None:
        """Ask it to end after its running job, and wait for that."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def _start(self) -> None:
        self._started_at = self._clock()
        try:
            self._process = start_watched(self._command, self._environment, self._end_with_parent)
        except OSError as error:
            log.warning("long_jobs_not_started", error=str(error))
            self._wait_after(None)

    def _wait_after(self, code: int | None) -> None:
        if code == 0:
            self._pause = SHORTEST_PAUSE_SECONDS
        else:
            self._pause = lengthen_pause(self._pause, lived_seconds=self._clock() - self._started_at)
            log.warning("long_jobs_failed", code=code, restart_in_seconds=self._pause)
        self._not_before = self._clock() + self._pause
