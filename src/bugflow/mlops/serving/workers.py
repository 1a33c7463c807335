"""Threads that think, so that whoever waits can stop waiting."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue


@dataclass(slots=True)
class Task:
    """Something to be done, of which parts can be waited for.

    Attributes:
        given_up: Nobody waits any more; set before the work has begun, it is not begun.
    """

    work: Callable[["Task"], None]
    begun: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    given_up: threading.Event = field(default_factory=threading.Event)


class Workers:
    """A few threads, made when they are first needed; one that never comes back keeps nobody from stopping."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._moved_at = time.monotonic()

    def submit(self, work: Callable[[Task], None]) -> Task:
        """Have some work done as soon as a thread is free."""
        task = Task(work)
        with self._lock:
            if len(self._threads) < self._count:
                thread = threading.Thread(target=self._work, name="bugflow-prediction", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put(task)
        return task

    @property
    def waiting(self) -> int:
        """About how many tasks no thread has begun with."""
        return self._queue.qsize()

    @property
    def still_seconds(self) -> float:
        """For how long no task has been begun or finished."""
        return time.monotonic() - self._moved_at

    def stop(self) -> None:
        """Let the threads end when they are done."""
        with self._lock:
            for _ in self._threads:
                self._queue.put(None)
            self._threads.clear()

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            self._moved_at = time.monotonic()
            try:
                if not task.given_up.is_set():
                    task.begun.set()
                    task.work(task)
            finally:
                self._moved_at = time.monotonic()
                for event in (task.begun, task.answered, task.done):
                    event.set()
