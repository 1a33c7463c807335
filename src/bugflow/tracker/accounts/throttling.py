"""Slowing down those who guess passwords."""

from limits import RateLimitItemPerMinute

from bugflow.core.http.rate_limit import RateLimitedError, RateLimiter
from bugflow.tracker.accounts.errors import SignInThrottledError

WINDOW_MINUTES = 15
ADDRESS_FACTOR = 10
"""An address may fail so many times as often as one account from it: offices share addresses."""


class SignInThrottle:
    """Counts failed sign-ins by account and address, and by address alone."""

    def __init__(self, limiter: RateLimiter, attempts: int) -> None:
        self._limiter = limiter
        self._account = RateLimitItemPerMinute(attempts, WINDOW_MINUTES)
        self._address = RateLimitItemPerMinute(attempts * ADDRESS_FACTOR, WINDOW_MINUTES)

    def require_room(self, email: str, address: str) -> None:
        """Refuse when too many have failed lately.

        Raises:
            SignInThrottledError: They have.
        """
        try:
            self._limiter.require_room(self._account, "sign-in", email.strip().lower(), address)
            self._limiter.require_room(self._address, "sign-in", address)
        except RateLimitedError as error:
            raise SignInThrottledError(error.retry_after_seconds) from error

    def count_failure(self, email: str, address: str) -> None:
        """Count a failed sign-in."""
        try:
            self._limiter.hit(self._account, "sign-in", email.strip().lower(), address)
            self._limiter.hit(self._address, "sign-in", address)
        except RateLimitedError as error:
            raise SignInThrottledError(error.retry_after_seconds) from error

    def forget(self, email: str, address: str) -> None:
        """Forget an account's failures: its owner has signed in."""
        self._limiter.clear(self._account, "sign-in", email.strip().lower(), address)
