"""Personal API tokens: made for scopes, until a day, shown once."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bugflow.core.security.tokens import digest_token, make_random_token
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.errors import TokenNotFoundError
from bugflow.tracker.accounts.tables import ApiToken, User
from bugflow.tracker.audit.service import record_audit

API_TOKEN_PREFIX = "bf_"  # noqa: S105 -- How tokens begin, not one of them.
SHOWN_CHARACTERS = 10

_USER_BY_API_TOKEN = (
    select(User, ApiToken)
    .join(ApiToken, ApiToken.user_id == User.id)
    .where(ApiToken.token_hash == bindparam("digest"), ApiToken.revoked_at.is_(None), User.is_active)
)


def create_api_token(
    session: Session, user: User, *, name: str, scopes: Iterable[str], days: int, actor: Actor, now: datetime
) -> tuple[ApiToken, str]:
    """Return a new API token and its readable form, which is shown this once."""
    readable = make_random_token(API_TOKEN_PREFIX)
    token = ApiToken(
        user_id=user.id,
        name=name,
        prefix=readable[:SHOWN_CHARACTERS],
        token_hash=digest_token(readable),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    after = {"name": name, "scopes": token.scopes, "expires_at": token.expires_at.isoformat()}
    record_audit(session, actor, "api_token.created", subject=("user", user.id), now=now, after=after)
    return token, readable


def revoke_api_token(session: Session, user: User, number: int, *, actor: Actor, now: datetime) -> None:
    """Revoke one of a user's own API tokens.

    Raises:
        TokenNotFoundError: The user has no such token.
    """
    token = session.get(ApiToken, number)
    if token is None or token.user_id != user.id or token.revoked_at is not None:
        raise TokenNotFoundError(number)
    token.revoked_at = now
    session.flush()
    before = {"name": token.name}
    record_audit(session, actor, "api_token.revoked", subject=("user", user.id), now=now, before=before)


def find_api_token(session: Session, token: str, *, now: datetime) -> tuple[User, ApiToken] | None:
    """Return an API token and whose it is, unless it is expired or revoked."""
    found = session.execute(_USER_BY_API_TOKEN, {"digest": digest_token(token)}).first()
    if found is None or found[1].expires_at <= now:
        return None
    return found[0], found[1]
