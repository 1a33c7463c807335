"""Making and changing users."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bugflow.core.security.passwords import PasswordHasher
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.errors import EmailTakenError, LastAdminError, WeakPasswordError, WrongPasswordError
from bugflow.tracker.accounts.queries import find_user_by_email
from bugflow.tracker.accounts.roles import Permission, Role
from bugflow.tracker.accounts.tables import ApiToken, SignIn, User
from bugflow.tracker.audit.service import record_audit

SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1024


def create_user(
    session: Session,
    *,
    email: str,
    name: str,
    role: Role,
    password_hash: str,
    actor: Actor,
    now: datetime,
) -> User:
    """Create a user who can sign in.

    Raises:
        MissingPermissionError: The actor may not manage users.
        EmailTakenError: There is a user with this address.
    """
    actor.require(Permission.MANAGE_USERS)
    email = email.strip().lower()
    if find_user_by_email(session, email) is not None:
        raise EmailTakenError(email)
    user = User(email=email, name=name, role=role, password_hash=password_hash, created_at=now)
    session.add(user)
    session.flush()
    after = {"email": email, "name": name, "role": role}
    record_audit(session, actor, "user.created", subject=("user", user.id), now=now, after=after)
    return user


def hash_new_password(hasher: PasswordHasher, password: str) -> str:
    """Return the hash of a new password.

    Raises:
        WeakPasswordError: It is too short or too long.
    """
    if len(password) < SHORTEST_PASSWORD:
        raise WeakPasswordError(f"A password needs at least {SHORTEST_PASSWORD} characters.")
    if len(password) > LONGEST_PASSWORD:
        raise WeakPasswordError(f"A password has at most {LONGEST_PASSWORD} characters.")
    return hasher.hash(password)


def change_user(session: Session, user: User, *, changes: dict[str, Any], actor: Actor, now: datetime) -> None:
    """Change name, e-mail address, role, activity, time zone or locale. A user changes only their own name and zone.

    Raises:
        MissingPermissionError: The actor may not manage users.
        EmailTakenError: Another user has the address.
        LastAdminError: Nobody would be administrator any more.
    """
    if user.id != actor.user_id or changes.keys() - {"name", "time_zone", "locale"}:
        actor.require(Permission.MANAGE_USERS)
    if "email" in changes and changes["email"] != user.email:
        changes["email"] = changes["email"].strip().lower()
        if find_user_by_email(session, changes["email"]) not in {None, user}:
            raise EmailTakenError(changes["email"])
    before = {field: getattr(user, field) for field in changes}
    if changes.get("is_active") is False or changes.get("role", user.role) != Role.ADMIN:
        _require_other_admin(session, user)
    for field, value in changes.items():
        setattr(user, field, value)
    after = {field: getattr(user, field) for field in changes}
    if before == after:
        return
    if changes.get("is_active") is False or changes.get("role") not in {None, before.get("role")}:
        revoke_everything(session, user, now=now)
    session.flush()
    record_audit(session, actor, "user.changed", subject=("user", user.id), now=now, before=before, after=after)


def _require_other_admin(session: Session, user: User) -> None:
    if user.role != Role.ADMIN or not user.is_active:
        return
    others = select(func.count()).where(User.role == Role.ADMIN, User.is_active, User.id != user.id)
    if session.scalar(others) == 0:
        raise LastAdminError


def change_password(
    session: Session, user: User, *, old: str | None, new: str, hasher: PasswordHasher, actor: Actor, now: datetime
) -> None:
    """Set a new password; every token and session of the user ends. Only an administrator may leave `old` out.

    Raises:
        WrongPasswordError: The old one is wrong.
        WeakPasswordError: The new one is too short or too long.
    """
    if user.id != actor.user_id or old is None:
        actor.require(Permission.MANAGE_USERS)
    elif not hasher.verify(old, user.password_hash)[0]:
        raise WrongPasswordError
    user.password_hash = hash_new_password(hasher, new)
    revoke_everything(session, user, now=now)
    session.flush()
    record_audit(session, actor, "user.password_changed", subject=("user", user.id), now=now)


def revoke_everything(session: Session, user: User, *, now: datetime) -> None:
    """End every access token, refresh token, session and API token of a user."""
    user.token_version += 1
    for table in (SignIn, ApiToken):
        session.execute(
            update(table).where(table.user_id == user.id, table.revoked_at.is_(None)).values(revoked_at=now)
        )
