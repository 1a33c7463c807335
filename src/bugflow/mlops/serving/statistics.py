"""What the models in memory have been asked for, and what came of loading them."""

import threading
from dataclasses import dataclass, field, fields
from typing import Literal

Counted = Literal["hits", "misses", "loads", "failures", "evictions"]


@dataclass(slots=True)
class CacheCounts:
    """Counts since the process began; may be written by any thread.

    Attributes:
        hits: A model was asked for and in memory.
        misses: One was asked for, and there was none yet.
        loads: A model was put into memory.
        failures: Loading one, or finding out which, failed.
        evictions: A project's own model was let go, since nobody asked for it.
    """

    hits: int = 0
    misses: int = 0
    loads: int = 0
    failures: int = 0
    evictions: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, what: Counted) -> None:
        """Count one more."""
        with self._lock:
            setattr(self, what, getattr(self, what) + 1)

    def to_gauges(self) -> dict[str, float]:
        """Return the counts by name."""
        return {each.name: float(getattr(self, each.name)) for each in fields(self) if not each.name.startswith("_")}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in memory.

    Attributes:
        key: `<model type>_<project's UUID or global>`.
        version: How answers name it.
        bytes: Of its files.
        age_seconds: Since it was put into memory.
        problem: Why another one than the one that should be is served; none where it is.
    """

    key: str
    version: str
    bytes: int
    age_seconds: float
    problem: str | None
