"""Limits on how often something may happen, in memory or shared through Redis."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from bugflow.core.errors import TooManyRequestsError

log = structlog.get_logger()

Answer = TypeVar("Answer")

SECONDS_WITHOUT_REDIS = 60
REDIS_TIMEOUT_SECONDS = 1
SECONDS_BETWEEN_CLEARING = 5.0


@dataclass(frozen=True)
class Usage:
    """How much of a limit is used: `remaining` more until it is reached, and when there is room again."""

    limit: int
    remaining: int
    reset_seconds: int
    allowed: bool

    def to_headers(self) -> dict[str, str]:
        """Return the headers that tell a client."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }


class RateLimitedError(TooManyRequestsError):
    """More requests than allowed."""

    def __init__(self, limit: str, retry_after_seconds: int) -> None:
        super().__init__(
            f"Too many requests: {limit} are allowed. Try again in {retry_after_seconds} seconds.",
            retry_after_seconds=retry_after_seconds,
        )


class RestingStorage(MemoryStorage):
    """Clears up every few seconds; the library starts a thread for it at every request, which costs more than the rest.

    What it asks before is whether its timer still waits: here it does so until there is something to clear up again.
    """

    @property  # type: ignore[override]
    def timer(self) -> "RestingStorage":
        """What stands for the library's timer."""
        return self

    @timer.setter
    def timer(self, made: threading.Timer) -> None:
        made.daemon = True
        self._made, self._made_at = made, time.monotonic()

    def start(self) -> None:
        """Start the timer that was made last."""
        self._made.start()

    def is_alive(self) -> bool:
        """Whether it is too early to clear up again."""
        return time.monotonic() < self._made_at + SECONDS_BETWEEN_CLEARING


class RateLimiter:
    """Counts what happens by key. With Redis gone, each process counts for itself until it is back."""

    def __init__(self, broker_url: str = "") -> None:
        self._local = MovingWindowRateLimiter(RestingStorage())
        self._shared, self._shared_errors = _open_shared(broker_url)
        self._shared_again_at = 0.0
        self._lock = threading.Lock()

    @property
    def is_shared(self) -> bool:
        """Whether several processes count together, which takes a way over the network."""
        return self._shared is not None

    def count(self, item: RateLimitItem, *key: str) -> Usage:
        """Count one request, allowed or not."""
        return self._ask(lambda limiter: _measure(limiter, item, key, allowed=limiter.hit(item, *key)))

    def hit(self, item: RateLimitItem, *key: str) -> None:
        """Count one request.

        Raises:
            RateLimitedError: It is one too many.
        """
        _require_allowed(item, self.count(item, *key))

    def require_room(self, item: RateLimitItem, *key: str) -> None:
        """Refuse when the limit is reached, without counting.

        Raises:
            RateLimitedError: It is reached.
        """
        usage = self._ask(lambda limiter: _measure(limiter, item, key, allowed=limiter.test(item, *key)))
        _require_allowed(item, usage)

    def clear(self, item: RateLimitItem, *key: str) -> None:
        """Forget what was counted."""
        self._ask(lambda limiter: limiter.clear(item, *key))

    def _ask(self, question: Callable[[MovingWindowRateLimiter], Answer]) -> Answer:
        if self._shared is not None and time.monotonic() >= self._shared_again_at:
            try:
                return question(self._shared)
            except self._shared_errors as error:
                self._lose_shared(error)
        return question(self._local)

    def _lose_shared(self, error: Exception) -> None:
        with self._lock:
            if time.monotonic() < self._shared_again_at:
                return  # Another thread has just said so.
            self._shared_again_at = time.monotonic() + SECONDS_WITHOUT_REDIS
        log.warning("rate_limit_redis_lost", error=str(error), retry_in_seconds=SECONDS_WITHOUT_REDIS)


def per_minute(amount: int) -> RateLimitItem:
    """Return the limit of so many a minute."""
    return RateLimitItemPerMinute(amount)


def _open_shared(broker_url: str) -> tuple[MovingWindowRateLimiter | None, tuple[type[Exception], ...]]:
    if not broker_url.startswith(("redis://", "rediss://")):
        return None, ()
    from limits.storage import RedisStorage  # noqa: PLC0415 -- Loading the client takes long; most servers need none.
    from redis.exceptions import RedisError  # noqa: PLC0415 -- The same.

    storage = RedisStorage(
        broker_url,
        key_prefix="bugflow",
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
    )
    return MovingWindowRateLimiter(storage), (RedisError, OSError)


def _measure(limiter: MovingWindowRateLimiter, item: RateLimitItem, key: tuple[str, ...], *, allowed: bool) -> Usage:
    window = limiter.get_window_stats(item, *key)
    seconds = max(1, math.ceil(window.reset_time - time.time()))
    return Usage(item.amount, max(0, window.remaining), seconds, allowed)


def _require_allowed(item: RateLimitItem, usage: Usage) -> None:
    if not usage.allowed:
        raise RateLimitedError(str(item), usage.reset_seconds)
