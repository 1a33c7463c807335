"""Links that end a user's mail without signing in: a signed token names the user, and nothing else."""

from uuid import UUID

import jwt

ALGORITHM = "HS256"
AUDIENCE = "bugflow-unsubscribe"


def make_unsubscribe_token(user: UUID, *, secret: str) -> str:
    """Return a token that ends this user's mail; it does not expire, as old mails are kept."""
    return jwt.encode({"aud": AUDIENCE, "sub": str(user)}, secret, algorithm=ALGORITHM)


def read_unsubscribe_token(token: str, *, secret: str) -> UUID | None:
    """Return whose mail a token ends, or none if it is altered or for something else."""
    try:
        claims = jwt.decode(
            token, secret, algorithms=[ALGORITHM], audience=AUDIENCE, options={"require": ["aud", "sub"]}
        )
        return UUID(claims["sub"])
    except (jwt.InvalidTokenError, ValueError, TypeError):
        return None
