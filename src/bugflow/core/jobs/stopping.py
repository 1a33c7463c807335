"""Being asked to stop: by a signal, or by the end of the process that started this one."""

import os
import select
import signal
from typing import Protocol

SUPERVISOR_VARIABLE = "BUGFLOW_SUPERVISOR_PID"


class Stop(Protocol):
    """What a loop asks; `threading.Event` is one as well."""

    def is_set(self) -> bool:
        """Whether the work shall end."""

    def wait(self, timeout: float) -> bool:
        """Sleep for at most this many seconds, less when asked to stop; return whether the work shall end."""


class ProcessStop:
    """The stop of a whole process.

    The signal handler only notes the signal and writes one byte to a pipe: `threading.Event.set` takes a lock that
    the interrupted code may hold, and would then wait for ever. A process under a supervisor also stops when the
    supervisor is gone, however that ended.
    """

    def __init__(self) -> None:
        self._asked = False
        self._reading, self._writing = os.pipe()
        self._supervisor = int(os.environ.get(SUPERVISOR_VARIABLE, "0"))

    def listen(self) -> None:
        """Stop at SIGTERM and SIGINT from now on; to be called in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)

    def is_set(self) -> bool:
        """Whether a signal came or the supervisor is gone."""
        return self._asked or (self._supervisor != 0 and os.getppid() != self._supervisor)

    def wait(self, timeout: float) -> bool:
        """Sleep for at most this many seconds; a signal ends the sleep."""
        if not self.is_set():
            select.select([self._reading], [], [], timeout)
        return self.is_set()

    def _note(self, *_: object) -> None:
        if not self._asked:
            self._asked = True
            os.write(self._writing, b"!")
