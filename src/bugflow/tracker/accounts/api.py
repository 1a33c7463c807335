"""Users and their tokens over HTTP, under /api/v1/users."""

from typing import Annotated, Any

from fastapi import Path, Query, status

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.http.dependencies import ClientAddressDep, DatabaseDep, ReadSession, WriteSession
from bugflow.core.http.pagination import Page, decode_number_cursor, encode_cursor
from bugflow.core.http.routes import Router
from bugflow.core.security.passwords import PasswordHasher
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.api_tokens import create_api_token, revoke_api_token
from bugflow.tracker.accounts.dependencies import ActorDep, SignedInActorDep
from bugflow.tracker.accounts.errors import OldPasswordError
from bugflow.tracker.accounts.queries import get_user, list_api_tokens, list_users
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.schemas import (
    ApiTokenCreate,
    ApiTokenCreated,
    ApiTokenRead,
    OwnPatch,
    PasswordChange,
    PasswordReset,
    UserCreate,
    UserPatch,
    UserRead,
)
from bugflow.tracker.accounts.service import change_password, change_user, create_user, hash_new_password
from bugflow.tracker.accounts.signing_in_api import HasherDep, ThrottleDep
from bugflow.tracker.accounts.signing_in_api import router as signing_in
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.accounts.throttling import SignInThrottle

__all__ = ["router", "signing_in"]

router = Router(prefix="/users", tags=["users"])

UserReference = Annotated[str, Path(max_length=254, description="UUID, number or e-mail address.")]


@router.get("")
def read_users(
    session: ReadSession,
    _: ActorDep,
    q: Annotated[str, Query(max_length=100, description="Part of a name or e-mail address.")] = "",
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page[UserRead]:
    """List users, oldest first."""
    after = decode_number_cursor(cursor) or 0
    found = list_users(session, text=q, after_id=after, limit=limit + 1)
    more = encode_cursor([found[limit - 1].id]) if len(found) > limit else None
    return Page(items=[UserRead.model_validate(user) for user in found[:limit]], next_cursor=more)


@router.post("", status_code=status.HTTP_201_CREATED)
def create(body: UserCreate, session: WriteSession, actor: ActorDep, hasher: HasherDep) -> UserRead:
    """Create a user (administrators)."""
    actor.require(Permission.MANAGE_USERS)
    user = create_user(
        session,
        email=body.email,
        name=body.name,
        role=body.role,
        password_hash=hash_new_password(hasher, body.password),  # Before the first statement takes the write lock.
        actor=actor,
        now=utc_now(),
    )
    return UserRead.model_validate(user)


@router.get("/me")
def read_me(session: ReadSession, actor: ActorDep) -> UserRead:
    """Read who you are."""
    return UserRead.model_validate(session.get_one(User, actor.user_id))


@router.patch("/me")
def change_me(body: OwnPatch, session: WriteSession, actor: ActorDep) -> UserRead:
    """Change your name, time zone or language."""
    user = session.get_one(User, actor.user_id)
    change_user(session, user, changes=_given(body), actor=actor, now=utc_now())
    return UserRead.model_validate(user)


@router.post("/me/password", status_code=status.HTTP_204_NO_CONTENT)
def change_my_password(
    body: PasswordChange,
    database: DatabaseDep,
    actor: SignedInActorDep,
    hasher: HasherDep,
    throttle: ThrottleDep,
    address: ClientAddressDep,
) -> None:
    """Change your password; you are signed out everywhere."""
    _check_old_password(database, actor, body.old_password, hasher, throttle, address or "")
    hashed = hash_new_password(hasher, body.new_password)
    with database.transaction() as session:
        change_password(session, session.get_one(User, actor.user_id), password_hash=hashed, actor=actor, now=utc_now())


def _check_old_password(
    database: Database, actor: Actor, password: str, hasher: PasswordHasher, throttle: SignInThrottle, address: str
) -> None:
    with database.snapshot() as session:
        user = session.get_one(User, actor.user_id)
    throttle.require_room(user.email or "", address)
    if not hasher.verify(password, user.password_hash)[0]:
        throttle.count_failure(user.email or "", address)
        raise OldPasswordError


@router.get("/me/tokens")
def read_my_tokens(session: ReadSession, actor: ActorDep) -> list[ApiTokenRead]:
    """List your API tokens."""
    return [ApiTokenRead.model_validate(each) for each in list_api_tokens(session, actor.user_id or 0)]


@router.post("/me/tokens", status_code=status.HTTP_201_CREATED)
def create_my_token(body: ApiTokenCreate, session: WriteSession, actor: SignedInActorDep) -> ApiTokenCreated:
    """Make an API token; it is shown this once."""
    user = session.get_one(User, actor.user_id)
    made, readable = create_api_token(
        session, user, name=body.name, scopes=body.scopes, days=body.days, actor=actor, now=utc_now()
    )
    return ApiTokenCreated(**ApiTokenRead.model_validate(made).model_dump(), token=readable)


@router.delete("/me/tokens/{number}", status_code=status.HTTP_204_NO_CONTENT)
def revoke_my_token(number: Annotated[int, Path(ge=1, le=2**31 - 1)], session: WriteSession, actor: ActorDep) -> None:
    """Revoke one of your API tokens."""
    revoke_api_token(session, session.get_one(User, actor.user_id), number, actor=actor, now=utc_now())


@router.get("/{user}")
def read(user: UserReference, session: ReadSession, _: ActorDep) -> UserRead:
    """Read a user by UUID, number or e-mail address."""
    return UserRead.model_validate(get_user(session, user))


@router.patch("/{user}")
def change(user: UserReference, body: UserPatch, session: WriteSession, actor: ActorDep) -> UserRead:
    """Change a user (administrators). Another role or deactivation signs them out everywhere."""
    actor.require(Permission.MANAGE_USERS)
    found = get_user(session, user)
    change_user(session, found, changes=_given(body), actor=actor, now=utc_now())
    return UserRead.model_validate(found)


@router.post("/{user}/password", status_code=status.HTTP_204_NO_CONTENT)
def reset_password(
    user: UserReference, body: PasswordReset, session: WriteSession, actor: SignedInActorDep, hasher: HasherDep
) -> None:
    """Give a user a new password (administrators); they are signed out everywhere."""
    actor.require(Permission.MANAGE_USERS)
    hashed = hash_new_password(hasher, body.new_password)
    change_password(session, get_user(session, user), password_hash=hashed, actor=actor, now=utc_now())


def _given(body: UserPatch | OwnPatch) -> dict[str, Any]:
    return {field: value for field, value in body.model_dump(exclude_unset=True).items() if value is not None}
