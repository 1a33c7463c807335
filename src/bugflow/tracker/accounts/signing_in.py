"""Signing in and staying so: passwords, refresh tokens, browser sessions and API tokens."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.security.tokens import (
    AccessClaims,
    digest_token,
    make_access_token,
    make_random_token,
    read_access_token,
)
from bugflow.core.settings import Settings
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.errors import NotSignedInError, TokenNotFoundError, WrongPasswordError
from bugflow.tracker.accounts.queries import find_user_by_email
from bugflow.tracker.accounts.tables import ApiToken, SignIn, User
from bugflow.tracker.audit.service import record_audit

API_TOKEN_PREFIX = "bf_"  # noqa: S105 -- How tokens begin, not one of them.
SCOPES = ("read", "write")


@dataclass(frozen=True)
class Tokens:
    """What a client gets for signing in."""

    access_token: str
    refresh_token: str
    expires_in_seconds: int


def verify_password(session: Session, *, email: str, password: str, hasher: PasswordHasher) -> tuple[User, str | None]:
    """Return whose password it is, and a better hash to keep where the present one is outdated.

    Raises:
        WrongPasswordError: There is no such active user, or the password is wrong.
    """
    user = find_user_by_email(session, email)
    right, better = hasher.verify(password, user.password_hash if user else None)
    if user is None or not right or not user.is_active:
        raise WrongPasswordError
    return user, better


def issue_tokens(
    session: Session, user: User, *, settings: Settings, now: datetime, family: UUID | None = None
) -> Tokens:
    """Return a new access token and a refresh token of the given or a new family."""
    access = make_access_token(
        AccessClaims(user=user.uuid, token_version=user.token_version),
        secret=settings.secret_key.get_secret_value(),
        now=now,
        minutes=settings.access_token_minutes,
    )
    refresh = start_sign_in(session, user, kind="refresh", days=settings.refresh_token_days, now=now, family=family)
    return Tokens(access, refresh, settings.access_token_minutes * 60)


def start_sign_in(
    session: Session, user: User, *, kind: str, days: int, now: datetime, family: UUID | None = None
) -> str:
    """Return the token of a new lasting sign-in (`refresh` or `web`)."""
    token = make_random_token()
    session.add(
        SignIn(
            user_id=user.id,
            kind=kind,
            family=family or uuid4(),
            token_hash=digest_token(token),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    user.last_seen_at = now
    session.flush()
    return token


def rotate_refresh_token(session: Session, token: str, *, settings: Settings, now: datetime) -> Tokens | None:
    """Exchange a refresh token for new tokens. One that was used before ends its whole family: none is returned.

    Raises:
        NotSignedInError: It is unknown, expired or revoked.
    """
    sign_in = _find_sign_in(session, token, kind="refresh")
    if sign_in is None or sign_in.revoked_at is not None or sign_in.expires_at <= now:
        raise NotSignedInError
    if sign_in.used_at is not None:
        session.execute(update(SignIn).where(SignIn.family == sign_in.family).values(revoked_at=now))
        return None
    user = session.get_one(User, sign_in.user_id)
    if not user.is_active:
        raise NotSignedInError
    sign_in.used_at = now
    return issue_tokens(session, user, settings=settings, now=now, family=sign_in.family)


def end_sign_in(session: Session, token: str, *, now: datetime) -> None:
    """End a lasting sign-in; an unknown token is no error."""
    sign_in = _find_sign_in(session, token)
    if sign_in is not None:
        session.execute(update(SignIn).where(SignIn.family == sign_in.family).values(revoked_at=now))


def _find_sign_in(session: Session, token: str, kind: str | None = None) -> SignIn | None:
    found = session.scalars(select(SignIn).where(SignIn.token_hash == digest_token(token))).first()
    return found if found is not None and kind in {None, found.kind} else None


def find_user_by_access_token(session: Session, token: str, *, settings: Settings) -> User | None:
    """Return whom an access token stands for, unless it is expired, altered or revoked."""
    claims = read_access_token(token, secret=settings.secret_key.get_secret_value())
    if claims is None:
        return None
    user = session.scalars(select(User).where(User.uuid == claims.user)).first()
    valid = user is not None and user.is_active and user.token_version == claims.token_version
    return user if valid else None


def find_user_by_session(session: Session, token: str, *, now: datetime) -> User | None:
    """Return whose browser session it is, unless it has ended."""
    sign_in = _find_sign_in(session, token, kind="web")
    if sign_in is None or sign_in.revoked_at is not None or sign_in.expires_at <= now:
        return None
    user = session.get_one(User, sign_in.user_id)
    return user if user.is_active else None


def find_api_token(session: Session, token: str, *, now: datetime) -> tuple[User, ApiToken] | None:
    """Return an API token and whose it is, unless it is expired or revoked."""
    found = session.execute(
        select(User, ApiToken)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(ApiToken.token_hash == digest_token(token), ApiToken.revoked_at.is_(None), User.is_active)
    ).first()
    if found is None or found[1].expires_at <= now:
        return None
    return found[0], found[1]


def create_api_token(
    session: Session, user: User, *, name: str, scopes: list[str], days: int, actor: Actor, now: datetime
) -> tuple[ApiToken, str]:
    """Return a new API token and its readable form, which is shown this once."""
    readable = make_random_token(API_TOKEN_PREFIX)
    token = ApiToken(
        user_id=user.id,
        name=name,
        prefix=readable[:10],
        token_hash=digest_token(readable),
        scopes=sorted(set(scopes)),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    session.add(token)
    session.flush()
    after = {"name": name, "scopes": token.scopes}
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
