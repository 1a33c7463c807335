"""Slowing down those who guess passwords."""

from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItemPerMinute

from bugflow.core.http.rate_limit import RateLimitedError, RateLimiter
from bugflow.tracker.accounts.errors import SignInThrottledError

WINDOW_MINUTES = 15
ADDRESS_FACTOR = 10
"""An address may fail so many times as often as one account from it: offices share addresses."""

IPV6_PREFIX_BITS = 64
"""One customer's network: counting single addresses of IPv6 would count nothing."""


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
            self._limiter.require_room(self._account, *_account_key(email, address))
            self._limiter.require_room(self._address, *_address_key(address))
        except RateLimitedError as error:
            raise SignInThrottledError(error.retry_after_seconds) from error

    def count_failure(self, email: str, address: str) -> None:
        """Count a failed sign-in; the next `require_room` refuses when it was the last one allowed."""
        self._limiter.count(self._account, *_account_key(email, address))
        self._limiter.count(self._address, *_address_key(address))

    def forget(self, email: str, address: str) -> None:
        """Forget an account's failures: its owner has signed in."""
        self._limiter.clear(self._account, *_account_key(email, address))


def _account_key(email: str, address: str) -> tuple[str, str, str]:
    return "sign-in-account", email.strip().lower(), _network_of(address)


def _address_key(address: str) -> tuple[str, str]:
    return "sign-in-address", _network_of(address)


def _network_of(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(ip_network((parsed.packed, IPV6_PREFIX_BITS), strict=False))
    return str(parsed)
