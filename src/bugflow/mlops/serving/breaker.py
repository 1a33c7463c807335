"""A circuit breaker: what fails again and again is left alone for a while."""

import threading
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half_open"]


class Breaker:
    """Lets calls through until so many have failed in a row; then none for a while, then one that tries.

    Source: Nygard, Release It!, 2007, chapter 5.
    """

    def __init__(self, *, failures: int, pause_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = failures
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._again_at = 0.0
        self._trying = False

    @property
    def state(self) -> State:
        """Whether calls go through, none does, or one may try."""
        if self._failures < self._most:
            return "closed"
        return "open" if self._clock() < self._again_at else "half_open"

    def allows(self) -> bool:
        """Whether a call may be made; who makes it says afterwards how it went, or that it was not made."""
        with self._lock:
            state = self.state
            if state == "half_open" and not self._trying:
                self._trying = True
                return True
            return state == "closed"

    def note_success(self) -> bool:
        """Count a call that went well; return whether that closed the breaker."""
        with self._lock:
            was_open = self._failures >= self._most
            self._failures, self._trying = 0, False
            return was_open

    def note_failure(self) -> bool:
        """Count a call that failed or took too long; return whether that opened the breaker."""
        with self._lock:
            was_closed = self._failures < self._most
            self._failures, self._trying = self._failures + 1, False
            if self._failures < self._most:
                return False
            self._again_at = self._clock() + self._pause_seconds
            return was_closed

    def note_nothing(self) -> None:
        """Take back a call that was allowed and not made."""
        with self._lock:
            self._trying = False

    def reset(self) -> None:
        """Forget what failed: there is something new to try."""
        self.note_success()
