"""Limits on how often something may happen, in memory or shared through Redis."""

import math
import time

import structlog
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import MovingWindowRateLimiter

from bugflow.core.http.problems import TooManyRequestsError

log = structlog.get_logger()

SECONDS_WITHOUT_REDIS = 60


class RateLimitedError(TooManyRequestsError):
    """More requests than allowed."""

    def __init__(self, limit: str, retry_after_seconds: int) -> None:
        super().__init__(
            f"Too many requests: {limit} are allowed. Try again in {retry_after_seconds} seconds.",
            retry_after_seconds=retry_after_seconds,
        )


class RateLimiter:
    """Counts what happens by key. With Redis gone, each process counts for itself until it is back."""

    def __init__(self, broker_url: str = "") -> None:
        self._local = MovingWindowRateLimiter(MemoryStorage())
        shared = broker_url.startswith(("redis://", "rediss://"))
        self._shared = MovingWindowRateLimiter(_open_redis(broker_url)) if shared else None
        self._shared_again_at = 0.0

    def hit(self, item: RateLimitItem, *key: str) -> None:
        """Count one request.

        Raises:
            RateLimitedError: It is one too many.
        """
        limiter = self._limiter()
        try:
            allowed = limiter.hit(item, *key)
        except Exception as error:  # noqa: BLE001 -- The edge to Redis: whatever fails there must not stop a request.
            self._lose_redis(error)
            limiter, allowed = self._local, self._local.hit(item, *key)
        if not allowed:
            reset = limiter.get_window_stats(item, *key).reset_time
            raise RateLimitedError(str(item), max(1, math.ceil(reset - time.time())))

    def require_room(self, item: RateLimitItem, *key: str) -> None:
        """Refuse when the limit is reached, without counting.

        Raises:
            RateLimitedError: It is reached.
        """
        limiter = self._limiter()
        try:
            room = limiter.test(item, *key)
        except Exception as error:  # noqa: BLE001 -- As above.
            self._lose_redis(error)
            limiter, room = self._local, self._local.test(item, *key)
        if not room:
            reset = limiter.get_window_stats(item, *key).reset_time
            raise RateLimitedError(str(item), max(1, math.ceil(reset - time.time())))

    def clear(self, item: RateLimitItem, *key: str) -> None:
        """Forget what was counted."""
        try:
            self._limiter().clear(item, *key)
        except Exception as error:  # noqa: BLE001 -- As above.
            self._lose_redis(error)

    def _limiter(self) -> MovingWindowRateLimiter:
        if self._shared is None or time.monotonic() < self._shared_again_at:
            return self._local
        return self._shared

    def _lose_redis(self, error: Exception) -> None:
        self._shared_again_at = time.monotonic() + SECONDS_WITHOUT_REDIS
        log.warning("rate_limit_redis_lost", error=str(error), retry_in_seconds=SECONDS_WITHOUT_REDIS)


def per_minute(amount: int) -> RateLimitItem:
    """Return the limit of so many a minute."""
    return RateLimitItemPerMinute(amount)


def _open_redis(broker_url: str) -> Storage:
    return RedisStorage(broker_url, socket_connect_timeout=1, socket_timeout=1)
