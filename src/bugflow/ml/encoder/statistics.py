"""What a shared encoder has done so far, and how long its callers waited."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

_REMEMBERED = 512


@dataclass(frozen=True, slots=True)
class EncoderStatistics:
    """What was counted since the start.

    Attributes:
        texts: Texts asked for.
        hits: Those of them that were remembered.
        batches: How often the encoder was called.
        refused: Calls that got no vectors: they timed out, failed, or too many texts waited.
        waiting: Texts that wait now.
        kept: Texts that are remembered now.
        median_ms: How long a call took, of the latest 512; 0 before the first.
        p95_ms: The same, 95 of 100 took at most so long.
    """

    texts: int
    hits: int
    batches: int
    refused: int
    waiting: int
    kept: int
    median_ms: float
    p95_ms: float

    def to_gauges(self) -> dict[str, float]:
        """Return each number by its name, for measurements."""
        return {name: float(getattr(self, name)) for name in self.__slots__}


@dataclass(slots=True)
class Tally:
    """Counts; whoever calls it holds the lock."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("texts", "hits", "batches", "refused"), 0))
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def count(self, **more: int) -> None:
        """Add to some of the counts."""
        for name, number in more.items():
            self.counts[name] += number

    def finish(self, seconds: float) -> None:
        """Remember how long a call took."""
        self.seconds.append(seconds)

    def summarise(self, *, waiting: int, kept: int) -> EncoderStatistics:
        """Return the statistics."""
        times = np.array(list(self.seconds) or [0.0]) * 1000
        median, p95 = (round(float(each), 2) for each in np.quantile(times, [0.5, 0.95]))
        return EncoderStatistics(**self.counts, waiting=waiting, kept=kept, median_ms=median, p95_ms=p95)
