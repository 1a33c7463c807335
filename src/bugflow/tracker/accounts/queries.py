"""Reading users."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bugflow.tracker.accounts.errors import UserNotFoundError
from bugflow.tracker.accounts.tables import ApiToken, User

LARGEST_NUMBER = 2**31 - 1


def find_user_by_email(session: Session, email: str) -> User | None:
    """Return the user with this e-mail address, in any case."""
    return session.scalars(select(User).where(User.email == email.strip().lower())).first()


def find_user(session: Session, reference: str | int | UUID) -> User | None:
    """Return a user by UUID, number or e-mail address."""
    text = str(reference).strip()
    if text.isascii() and text.isdigit():
        return session.get(User, int(text)) if len(text) <= 10 and int(text) <= LARGEST_NUMBER else None  # noqa: PLR2004 -- Digits of the largest number.
    try:
        return session.scalars(select(User).where(User.uuid == UUID(text))).first()
    except ValueError:
        return find_user_by_email(session, text)


def get_user(session: Session, reference: str | int | UUID) -> User:
    """Return a user by UUID, number or e-mail address.

    Raises:
        UserNotFoundError: There is none.
    """
    user = find_user(session, reference)
    if user is None:
        raise UserNotFoundError(reference)
    return user


def list_users(session: Session, *, text: str = "", after_id: int = 0, limit: int = 100) -> Sequence[User]:
    """Return users whose name or address contains the text, by number, beginning behind `after_id`."""
    wanted = text.strip()
    return session.scalars(
        select(User)
        .where(
            User.id > after_id,
            or_(
                func.lower(User.name).contains(wanted.lower(), autoescape=True),
                User.name.contains(wanted, autoescape=True),  # SQLite lowers only ASCII.
                User.email.contains(wanted.lower(), autoescape=True),
            ),
        )
        .order_by(User.id)
        .limit(limit)
    ).all()


def has_users(session: Session) -> bool:
    """Whether anybody can sign in."""
    return session.scalar(select(User.id).where(User.password_hash.is_not(None)).limit(1)) is not None


def list_api_tokens(session: Session, user_id: int) -> Sequence[ApiToken]:
    """Return a user's API tokens that are not revoked."""
    return session.scalars(
        select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None)).order_by(ApiToken.id)
    ).all()


def find_user_id(session: Session, reference: str) -> int | None:
    """Return the number of a user by UUID, number or e-mail address."""
    user = find_user(session, reference)
    return user.id if user is not None else None
