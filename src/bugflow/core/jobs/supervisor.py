"""Keeping a worker process alive beside the server."""

import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from bugflow.core.jobs.stopping import SUPERVISOR_VARIABLE

log = structlog.get_logger()

PR_SET_PDEATHSIG = 1
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
STEADY_SECONDS = 60.0
PATIENCE_SECONDS = 20.0
WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.1, 15.0


class WorkerSupervisor:
    """Starts a command, starts it again when it ends (pausing longer each time), stops it with the server.

    `may_start` is asked until it says yes, or for some seconds: loading two programs at once takes both longer.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        may_start: Callable[[], bool] = lambda: True,
    ) -> None:
        self._command = list(command)
        self._environment = os.environ | dict(environment or {}) | {SUPERVISOR_VARIABLE: str(os.getpid())}
        self._may_start = may_start
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._end_with_parent = ParentWatch()
        self._thread = threading.Thread(target=self._watch, name="worker-supervisor", daemon=True)

    @property
    def pid(self) -> int | None:
        """The worker's process number, while there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self) -> None:
        """Start the worker and watch it."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the worker to end after its running job, and end it by force if that takes too long."""
        with self._starting:  # Either the last worker has started and is ended here, or none starts any more.
            self._stop.set()
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(PATIENCE_SECONDS)

    def _watch(self) -> None:
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while not self._may_start() and time.monotonic() < deadline and not self._stop.wait(WAIT_SECONDS):
            pass
        pause = SHORTEST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            code = self._run_once()
            if self._stop.is_set():
                return
            pause = lengthen_pause(pause, lived_seconds=time.monotonic() - started)
            log.warning("worker_ended", code=code, restart_in_seconds=pause)
            self._stop.wait(pause)

    def _run_once(self) -> int | None:
        with self._starting:
            if self._stop.is_set():
                return None
            try:
                self._process = start_watched(self._command, self._environment, self._end_with_parent)
            except OSError as error:
                log.warning("worker_not_started", error=str(error))
                return None
        return self._process.wait()


def lengthen_pause(pause_seconds: float, *, lived_seconds: float) -> float:
    """Return how long to wait before a process that failed is started again: twice as long, unless it lived a while."""
    if lived_seconds > STEADY_SECONDS:
        return SHORTEST_PAUSE_SECONDS
    return min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)


class ParentWatch:
    """Called in a new process: it gets a signal when the thread that made it ends, so that it is never left alone.

    Linux has this; elsewhere a worker notices by itself, between two jobs (`stopping`).
    """

    def __init__(self, number: signal.Signals = signal.SIGTERM) -> None:
        self._number = number
        self._prctl = getattr(ctypes.CDLL(None), "prctl", None)
        self._parent = os.getpid()

    def __call__(self) -> None:
        """Ask the kernel for the signal; a parent that is dead already sends it at once."""
        if self._prctl is not None:
            self._prctl(PR_SET_PDEATHSIG, self._number)
        if os.getppid() != self._parent:
            os.kill(os.getpid(), self._number)


def start_watched(
    command: Sequence[str], environment: Mapping[str, str], end_with_parent: ParentWatch
) -> subprocess.Popen[bytes]:
    """Start a command of ours that ends with this process.

    Raises:
        OSError: It cannot be started.
    """
    return subprocess.Popen(  # noqa: S603 -- Our own command.
        command,
        env=environment,
        preexec_fn=end_with_parent,  # noqa: PLW1509 -- One system call, made ready before the fork.
    )
