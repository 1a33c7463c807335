"""Signing in and staying so: passwords, access and refresh tokens, browser sessions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from bugflow.core.database import Database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.security.tokens import (
    AccessClaims,
    digest_token,
    make_access_token,
    make_random_token,
    read_access_token,
)
from bugflow.core.settings import Settings
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.errors import NotSignedInError, WrongPasswordError
from bugflow.tracker.accounts.queries import find_user_by_email
from bugflow.tracker.accounts.tables import SignIn, User
from bugflow.tracker.accounts.throttling import SignInThrottle
from bugflow.tracker.audit.service import record_audit

# Built once: building a statement costs more than running it, and every request runs one of these.
_USER_BY_UUID = select(User).where(User.uuid == bindparam("user"))
_USER_BY_WEB_SESSION = (
    select(User, SignIn.expires_at)
    .join(SignIn, SignIn.user_id == User.id)
    .where(
        SignIn.token_hash == bindparam("digest"),
        SignIn.kind == "web",
        SignIn.revoked_at.is_(None),
        User.is_active,
    )
)


@dataclass(frozen=True)
class Tokens:
    """What a client gets for signing in."""

    access_token: str
    refresh_token: str
    expires_in_seconds: int


def check_credentials(
    database: Database, *, email: str, password: str, hasher: PasswordHasher, throttle: SignInThrottle, address: str
) -> int:
    """Return the number of the user whose password it is, keeping a better hash where there is one.

    Hashing takes long and is done outside any transaction, so that nobody waits for it.

    Raises:
        SignInThrottledError: Too many have failed lately.
        WrongPasswordError: The address or the password is wrong.
    """
    throttle.require_room(email, address)
    with database.snapshot() as session:
        user = find_user_by_email(session, email)
    kept = user.password_hash if user is not None and user.is_active else None
    right, better = hasher.verify(password, kept)
    if user is None or not right:
        throttle.count_failure(email, address)
        raise WrongPasswordError
    throttle.forget(email, address)
    if better is not None:
        with database.transaction() as session:
            same = (User.id == user.id, User.password_hash == kept)  # It may have been changed meanwhile.
            session.execute(update(User).where(*same).values(password_hash=better))
    return user.id


def sign_in(session: Session, user: User, *, settings: Settings, address: str | None, now: datetime) -> Tokens:
    """Sign a program in: return an access token, and a refresh token to get the next one."""
    record_audit(
        session, build_actor(user, origin="api", address=address), "user.signed_in", subject=("user", user.id), now=now
    )
    return _issue_tokens(session, user, settings=settings, now=now, family=uuid4())


def start_web_session(session: Session, user: User, *, settings: Settings, address: str | None, now: datetime) -> str:
    """Sign a browser in: return the token for its cookie."""
    record_audit(
        session, build_actor(user, origin="web", address=address), "user.signed_in", subject=("user", user.id), now=now
    )
    return _start_sign_in(session, user, kind="web", days=settings.refresh_token_days, now=now, family=uuid4())


def _issue_tokens(session: Session, user: User, *, settings: Settings, now: datetime, family: UUID) -> Tokens:
    access = make_access_token(
        AccessClaims(user=user.uuid, token_version=user.token_version),
        secret=settings.secret_key.get_secret_value(),
        now=now,
        minutes=settings.access_token_minutes,
    )
    refresh = _start_sign_in(session, user, kind="refresh", days=settings.refresh_token_days, now=now, family=family)
    return Tokens(access, refresh, settings.access_token_minutes * 60)


def _start_sign_in(session: Session, user: User, *, kind: str, days: int, now: datetime, family: UUID) -> str:
    token = make_random_token()
    session.add(
        SignIn(
            user_id=user.id,
            kind=kind,
            family=family,
            token_hash=digest_token(token),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
    )
    user.last_seen_at = now
    session.flush()
    return token


def rotate_refresh_token(
    session: Session, token: str, *, settings: Settings, address: str | None, now: datetime
) -> Tokens | None:
    """Exchange a refresh token for new tokens. One that was used before ends its whole family: none is returned.

    Raises:
        NotSignedInError: It is unknown, expired or revoked.
    """
    same = select(SignIn).where(SignIn.token_hash == digest_token(token), SignIn.kind == "refresh")
    found = session.scalars(same.with_for_update()).first()  # Locked: of two uses at once, one is the second.
    if found is None or found.revoked_at is not None or found.expires_at <= now:
        raise NotSignedInError
    user = session.get_one(User, found.user_id)
    if not user.is_active:
        raise NotSignedInError
    if found.used_at is not None:
        _end_family(session, found, now=now)
        thief = build_actor(user, origin="api", address=address)
        record_audit(session, thief, "user.refresh_token_reused", subject=("user", user.id), now=now)
        return None
    found.used_at = now
    return _issue_tokens(session, user, settings=settings, now=now, family=found.family)


def end_sign_in(session: Session, token: str, *, address: str | None, now: datetime) -> None:
    """End a lasting sign-in, of a program or a browser; an unknown or ended one is no error."""
    found = session.scalars(select(SignIn).where(SignIn.token_hash == digest_token(token))).first()
    if found is None or found.revoked_at is not None:
        return
    _end_family(session, found, now=now)
    user = session.get_one(User, found.user_id)
    actor = build_actor(user, origin="web" if found.kind == "web" else "api", address=address)
    record_audit(session, actor, "user.signed_out", subject=("user", user.id), now=now)


def _end_family(session: Session, sign_in: SignIn, *, now: datetime) -> None:
    alive = (SignIn.family == sign_in.family, SignIn.revoked_at.is_(None))
    session.execute(update(SignIn).where(*alive).values(revoked_at=now))


def find_user_by_access_token(session: Session, token: str, *, settings: Settings) -> User | None:
    """Return whom an access token stands for, unless it is expired, altered or revoked."""
    claims = read_access_token(token, secret=settings.secret_key.get_secret_value())
    if claims is None:
        return None
    user = session.scalars(_USER_BY_UUID, {"user": claims.user}).first()
    valid = user is not None and user.is_active and user.token_version == claims.token_version
    return user if valid else None


def find_user_by_web_session(session: Session, token: str, *, now: datetime) -> User | None:
    """Return whose browser session it is, unless it has ended."""
    found = session.execute(_USER_BY_WEB_SESSION, {"digest": digest_token(token)}).first()
    return found[0] if found is not None and found[1] > now else None
