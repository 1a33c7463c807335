"""Making and changing users."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bugflow.core.security.passwords import LONGEST_PASSWORD, PasswordHasher
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.errors import (
    AccountExistsError,
    EmailAddressError,
    EmailTakenError,
    LastAdminError,
    TimeZoneError,
    WeakPasswordError,
)
from bugflow.tracker.accounts.queries import find_user_by_email
from bugflow.tracker.accounts.roles import Permission, Role
from bugflow.tracker.accounts.tables import ApiToken, SignIn, User
from bugflow.tracker.audit.service import record_audit

SHORTEST_PASSWORD = 8
LONGEST_EMAIL = 254
EMAIL = re.compile(r"[^\s@<>\"(),:;\x00-\x1f\x7f]+@[^\s@<>\"(),:;\x00-\x1f\x7f]+")
"""Wide on purpose: installations of one house use addresses such as me@corp.local."""

OWN_FIELDS = frozenset({"name", "time_zone", "locale"})


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
        EmailAddressError: It is not an e-mail address.
        EmailTakenError: There is a user with this address.
    """
    actor.require(Permission.MANAGE_USERS)
    email = parse_email(email)
    if find_user_by_email(session, email) is not None:
        raise EmailTakenError(email)
    user = User(email=email, name=name, role=role, password_hash=password_hash, created_at=now)
    session.add(user)
    session.flush()
    after = {"email": email, "name": name, "role": role}
    record_audit(session, actor, "user.created", subject=("user", user.id), now=now, after=after)
    return user


def parse_email(text: str) -> str:
    """Return an e-mail address in the form that is kept.

    Raises:
        EmailAddressError: It is not an e-mail address.
    """
    email = text.strip().lower()
    if len(email) > LONGEST_EMAIL or not EMAIL.fullmatch(email):
        raise EmailAddressError
    return email


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


def change_user(session: Session, user: User, *, changes: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    """Change name, e-mail address, role, activity, time zone or locale. A user changes only their own name and zone.

    Who gets another role or is deactivated is signed out everywhere.

    Raises:
        MissingPermissionError: The actor may not manage users.
        EmailAddressError: It is not an e-mail address.
        EmailTakenError: Another user has the address.
        TimeZoneError: There is no such time zone.
        LastAdminError: Nobody would be administrator any more.
    """
    if user.id != actor.user_id or changes.keys() - OWN_FIELDS:
        actor.require(Permission.MANAGE_USERS)
    wanted = _check_changes(session, user, changes)
    before = {field: getattr(user, field) for field in wanted}
    if before == wanted:
        return
    ends_sign_ins = wanted.get("is_active") is False or wanted.get("role", user.role) != user.role
    if ends_sign_ins:
        if wanted.get("is_active") is False or wanted.get("role", user.role) != Role.ADMIN:
            _require_other_admin(session, user)
        revoke_everything(session, user, now=now)
    for field, value in wanted.items():
        setattr(user, field, value)
    session.flush()
    record_audit(session, actor, "user.changed", subject=("user", user.id), now=now, before=before, after=wanted)


def _check_changes(session: Session, user: User, changes: Mapping[str, Any]) -> dict[str, Any]:
    wanted = dict(changes)
    if "email" in wanted:
        wanted["email"] = parse_email(wanted["email"])
        if find_user_by_email(session, wanted["email"]) not in {None, user}:
            raise EmailTakenError(wanted["email"])
    if "time_zone" in wanted and wanted["time_zone"] != "UTC":
        try:
            ZoneInfo(wanted["time_zone"])
        except (ValueError, OSError, KeyError) as error:
            raise TimeZoneError from error
    return wanted


def _require_other_admin(session: Session, user: User) -> None:
    if user.role != Role.ADMIN or not user.is_active:
        return
    admins = select(User.id).where(User.role == Role.ADMIN, User.is_active).order_by(User.id)
    # Locked, so that two administrators who deactivate each other at once do not both succeed.
    if set(session.scalars(admins.with_for_update())) <= {user.id}:
        raise LastAdminError


def change_password(session: Session, user: User, *, password_hash: str, actor: Actor, now: datetime) -> None:
    """Set a new password; every token and session of the user ends.

    Raises:
        MissingPermissionError: It is another's, and the actor may not manage users.
    """
    if user.id != actor.user_id:
        actor.require(Permission.MANAGE_USERS)
    user.password_hash = password_hash
    revoke_everything(session, user, now=now)
    session.flush()
    record_audit(session, actor, "user.password_changed", subject=("user", user.id), now=now)


def give_account(
    session: Session, user: User, *, email: str, role: Role, password_hash: str, actor: Actor, now: datetime
) -> None:
    """Make somebody whom an import brought along a user who can sign in; what they did there becomes theirs.

    Raises:
        AccountExistsError: They can sign in already, or could.
        MissingPermissionError: The actor may not manage users.
        EmailAddressError: It is not an e-mail address.
        EmailTakenError: Another user has the address.
    """
    if user.password_hash is not None:
        raise AccountExistsError(user.name)
    changes = {"email": email, "role": role, "is_active": True}
    change_user(session, user, changes=changes, actor=actor, now=now)
    change_password(session, user, password_hash=password_hash, actor=actor, now=now)


def revoke_everything(session: Session, user: User, *, now: datetime) -> None:
    """End every access token, refresh token, session and API token of a user."""
    user.token_version += 1
    for table in (SignIn, ApiToken):
        session.execute(
            update(table).where(table.user_id == user.id, table.revoked_at.is_(None)).values(revoked_at=now)
        )
