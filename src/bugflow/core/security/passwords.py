"""Passwords: hashed by Argon2id; bcrypt hashes from elsewhere verify and are replaced."""

from functools import cached_property

from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

BCRYPT_BYTES = 72
LONGEST_PASSWORD = 1024


class PasswordHasher:
    """Hashes and verifies; the costs come from the settings."""

    def __init__(self, *, time_cost: int, memory_kib: int) -> None:
        self._argon2 = Argon2Hasher(time_cost=time_cost, memory_cost=memory_kib, parallelism=1)
        self._bcrypt = BcryptHasher()

    def hash(self, password: str) -> str:
        """Return the hash to keep."""
        return self._argon2.hash(password)

    def verify(self, password: str, kept: str | None) -> tuple[bool, str | None]:
        """Return whether the password is right, and a better hash where the kept one is outdated.

        Without a kept hash the time of a verification passes all the same, so that timing does not tell who exists.
        """
        if kept is None or len(password) > LONGEST_PASSWORD:
            self._argon2.verify("", self._unknown)
            return False, None
        try:
            return self._verify_known(password, kept)
        except ValueError:  # A damaged hash, or text that is not Unicode.
            return False, None

    def _verify_known(self, password: str, kept: str) -> tuple[bool, str | None]:
        if self._bcrypt.identify(kept):
            # Bcrypt looks at 72 bytes and no further; the new hash is of the whole password.
            right = self._bcrypt.verify(password.encode()[:BCRYPT_BYTES], kept)
            return right, self.hash(password) if right else None
        if not self._argon2.identify(kept) or not self._argon2.verify(password, kept):
            return False, None
        return True, self.hash(password) if self._argon2.check_needs_rehash(kept) else None

    @cached_property
    def _unknown(self) -> str:
        return self._argon2.hash("the password of nobody")
