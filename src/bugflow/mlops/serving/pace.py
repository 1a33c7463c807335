"""How much is asked at present: what is worth having and nobody needs is left out while that is much."""

import threading
import time
from collections import deque
from collections.abc import Callable


class Pace:
    """Counts what happened in the last second.

    Attributes:
        most: So many in a second are still quiet.
    """

    def __init__(self, most: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._moments: deque[float] = deque(maxlen=most + 1)

    def note(self) -> None:
        """Count one."""
        with self._lock:
            self._moments.append(self._clock())

    def is_quiet(self) -> bool:
        """Whether no more than so many happened in the last second."""
        with self._lock:
            return len(self._moments) <= self.most or self._clock() - self._moments[0] > 1
