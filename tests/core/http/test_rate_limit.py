import threading
import time
from uuid import uuid4

from limits import RateLimitItemPerSecond

from bugflow.core.http import rate_limit
from bugflow.core.http.rate_limit import RateLimiter, RestingStorage, per_minute
from factories.runners import BROKERS


def test_so_many_are_allowed_and_no_more() -> None:
    limiter = RateLimiter()
    usages = [limiter.count(per_minute(3), "user", "1") for _ in range(5)]
    assert [usage.allowed for usage in usages] == [True, True, True, False, False]
    assert [usage.remaining for usage in usages] == [2, 1, 0, 0, 0]
    assert limiter.count(per_minute(3), "user", "2").allowed


def test_counting_starts_no_thread_each_time() -> None:
    limiter = RateLimiter()
    before = threading.active_count()
    for number in range(50):
        limiter.count(per_minute(1000), "user", str(number))
        assert threading.active_count() <= before


def test_what_is_past_is_forgotten() -> None:
    storage = RestingStorage()
    limit = RateLimitItemPerSecond(5)
    storage.acquire_entry("a", limit.amount, 0)
    assert storage.events["a"]
    storage._made_at -= rate_limit.SECONDS_BETWEEN_CLEARING  # As if so long had passed.
    storage.acquire_entry("b", limit.amount, 60)
    deadline = time.monotonic() + 20
    while storage.events["a"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert storage.events["b"]


def test_processes_with_one_redis_count_together() -> None:
    first, second = RateLimiter(BROKERS["redis"]), RateLimiter(BROKERS["redis"])
    key, limit = uuid4().hex, per_minute(3)
    allowed = [limiter.count(limit, "user", key).allowed for limiter in (first, second, first, second)]
    assert allowed == [True, True, True, False]
    second.clear(limit, "user", key)
    assert first.count(limit, "user", key).remaining == 2
    first.clear(limit, "user", key)
