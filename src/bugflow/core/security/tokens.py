"""Access tokens (JWT, HS256 and nothing else) and random tokens, of which only the digest is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt

ALGORITHM = "HS256"
ISSUER = "bugflow"
AUDIENCE = "bugflow-api"


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says: who, and as of which password."""

    user: UUID
    token_version: int


def make_access_token(claims: AccessClaims, *, secret: str, now: datetime, minutes: int) -> str:
    """Return a signed token that is good for so many minutes."""
    return jwt.encode(
        {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(claims.user),
            "ver": claims.token_version,
            "iat": now,
            "exp": now + timedelta(minutes=minutes),
            "jti": secrets.token_urlsafe(8),
        },
        secret,
        algorithm=ALGORITHM,
    )


def read_access_token(token: str, *, secret: str) -> AccessClaims | None:
    """Return what a token says, or none if it is expired, altered, signed otherwise or not ours."""
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={
                "require": ["exp", "iat", "sub", "ver", "jti", "iss", "aud"],
                "verify_iat": False,  # The clock of the server that signed it may be ahead of ours, or ours set back.
            },
        )
        return AccessClaims(user=UUID(claims["sub"]), token_version=int(claims["ver"]))
    except (jwt.InvalidTokenError, ValueError, KeyError, TypeError):
        return None


def make_random_token(prefix: str = "") -> str:
    """Return a token that nobody can guess."""
    return prefix + secrets.token_urlsafe(32)


def digest_token(token: str) -> str:
    """Return what is kept of a random token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
