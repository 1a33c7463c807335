"""Passwords: hashed by Argon2id; bcrypt hashes from elsewhere verify and are replaced."""

from functools import cached_property

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

BCRYPT_BYTES = 72


class PasswordHasher:
    """Hashes and verifies; the costs come from the settings."""

    def __init__(self, *, time_cost: int, memory_kib: int) -> None:
        self._argon2 = Argon2Hasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._hashers = PasswordHash((self._argon2, BcryptHasher()))

    def hash(self, password: str) -> str:
        """Return the hash to keep."""
        return self._hashers.hash(password)

    def verify(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Return whether the password is right, and a better hash where the kept one is outdated.

        Without a kept hash the time of a verification passes all the same, so that timing does not tell who exists.
        """
        if kept is None:
            self._argon2.verify(password, self._unknown)
            return False, None
        if kept.startswith("$2"):
            password = password.encode()[:BCRYPT_BYTES].decode(errors="ignore")
        try:
            return self._hashers.verify_and_update(password, kept)
        except UnknownHashError:
            return False, None

    @cached_property
    def _unknown(self) -> str:
        return self._argon2.hash("the password of nobody")
