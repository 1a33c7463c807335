"""Signing in and users over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, status
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import InvalidError
from bugflow.core.http.dependencies import DatabaseDep, ReadSession, SettingsDep, WriteSession
from bugflow.core.security.passwords import PasswordHasher
from bugflow.tracker.accounts.dependencies import ActorDep
from bugflow.tracker.accounts.errors import NotSignedInError, WrongPasswordError
from bugflow.tracker.accounts.queries import get_user, list_api_tokens, list_users
from bugflow.tracker.accounts.schemas import (
    ApiTokenCreate,
    ApiTokenCreated,
    ApiTokenRead,
    Credentials,
    OwnPatch,
    PasswordChange,
    RefreshToken,
    TokensRead,
    UserCreate,
    UserPatch,
    UserRead,
)
from bugflow.tracker.accounts.service import change_password, change_user, create_user, hash_new_password
from bugflow.tracker.accounts.signing_in import (
    Tokens,
    create_api_token,
    end_sign_in,
    issue_tokens,
    revoke_api_token,
    rotate_refresh_token,
    verify_password,
)
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.accounts.throttling import SignInThrottle

signing_in = APIRouter(tags=["signing in"])
router = APIRouter(prefix="/users", tags=["users"])

CREDENTIALS_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            content_type: {"schema": Credentials.model_json_schema()}
            for content_type in ("application/json", "application/x-www-form-urlencoded")
        },
    }
}


class UnreadableBodyError(InvalidError):
    """A body that is neither JSON nor a form."""

    def __init__(self) -> None:
        super().__init__('The body cannot be read. Send JSON: {"username": "…", "password": "…"}, or a form.')


async def read_credentials(request: Request) -> Credentials:
    """Read an e-mail address and a password from JSON or an OAuth2 form."""
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            values: object = await request.json()
        else:
            values = dict(await request.form())
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError from error
    try:
        return Credentials.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error


def get_hasher(request: Request) -> PasswordHasher:
    """Return the application's password hasher."""
    hasher: PasswordHasher = request.app.state.hasher
    return hasher


def get_throttle(request: Request) -> SignInThrottle:
    """Return the application's sign-in throttle."""
    throttle: SignInThrottle = request.app.state.sign_in_throttle
    return throttle


HasherDep = Annotated[PasswordHasher, Depends(get_hasher)]
ThrottleDep = Annotated[SignInThrottle, Depends(get_throttle)]


def check_credentials(
    database: Database, credentials: Credentials, *, hasher: PasswordHasher, throttle: SignInThrottle, address: str
) -> int:
    """Return the number of the user whose password it is, keeping a better hash where there is one.

    Hashing takes long and is done outside any transaction that writes.

    Raises:
        SignInThrottledError: Too many have failed lately.
        WrongPasswordError: The address or the password is wrong.
    """
    throttle.require_room(credentials.username, address)
    try:
        with database.snapshot() as session:
            user, better = verify_password(
                session, email=credentials.username, password=credentials.password, hasher=hasher
            )
    except WrongPasswordError:
        throttle.count_failure(credentials.username, address)
        raise
    throttle.forget(credentials.username, address)
    if better is not None:
        with database.transaction() as session:
            session.get_one(User, user.id).password_hash = better
    return user.id


def describe_tokens(tokens: Tokens) -> TokensRead:
    """Return tokens as the API shows them."""
    return TokensRead(
        access_token=tokens.access_token, refresh_token=tokens.refresh_token, expires_in=tokens.expires_in_seconds
    )


@signing_in.post("/token", openapi_extra=CREDENTIALS_BODY)
def token(
    credentials: Annotated[Credentials, Depends(read_credentials)],
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    hasher: HasherDep,
    throttle: ThrottleDep,
) -> TokensRead:
    """Sign in with an e-mail address and a password, as JSON or as an OAuth2 form."""
    address = request.client.host if request.client else ""
    user_id = check_credentials(database, credentials, hasher=hasher, throttle=throttle, address=address)
    with database.transaction() as session:
        return describe_tokens(issue_tokens(session, session.get_one(User, user_id), settings=settings, now=utc_now()))


@signing_in.post("/api/v1/auth/refresh")
def refresh(body: RefreshToken, database: DatabaseDep, settings: SettingsDep) -> TokensRead:
    """Exchange a refresh token for new tokens; used twice, it ends the sign-in."""
    with database.transaction() as session:
        tokens = rotate_refresh_token(session, body.refresh_token, settings=settings, now=utc_now())
    if tokens is None:
        raise NotSignedInError
    return describe_tokens(tokens)


@signing_in.post("/api/v1/auth/sign-out", status_code=status.HTTP_204_NO_CONTENT)
def sign_out(body: RefreshToken, session: WriteSession) -> None:
    """End a sign-in; its access token ends by itself soon."""
    end_sign_in(session, body.refresh_token, now=utc_now())


@router.get("")
def read_users(
    session: ReadSession,
    _: ActorDep,
    q: Annotated[str, Query(max_length=100, description="Part of a name or address.")] = "",
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Begin behind the user with this number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[UserRead]:
    """List users."""
    return [UserRead.model_validate(user) for user in list_users(session, text=q, after_id=after, limit=limit)]


@router.post("", status_code=status.HTTP_201_CREATED)
def create(body: UserCreate, session: WriteSession, actor: ActorDep, hasher: HasherDep) -> UserRead:
    """Create a user (administrators)."""
    user = create_user(
        session,
        email=body.email,
        name=body.name,
        role=body.role,
        password_hash=hash_new_password(hasher, body.password),
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
def change_my_password(body: PasswordChange, session: WriteSession, actor: ActorDep, hasher: HasherDep) -> None:
    """Change your password; you are signed out everywhere."""
    user = session.get_one(User, actor.user_id)
    change_password(
        session, user, old=body.old_password or "", new=body.new_password, hasher=hasher, actor=actor, now=utc_now()
    )


@router.get("/me/tokens")
def read_my_tokens(session: ReadSession, actor: ActorDep) -> list[ApiTokenRead]:
    """List your API tokens."""
    return [ApiTokenRead.model_validate(each) for each in list_api_tokens(session, actor.user_id or 0)]


@router.post("/me/tokens", status_code=status.HTTP_201_CREATED)
def create_my_token(body: ApiTokenCreate, session: WriteSession, actor: ActorDep) -> ApiTokenCreated:
    """Make an API token; it is shown this once."""
    user = session.get_one(User, actor.user_id)
    made, readable = create_api_token(
        session, user, name=body.name, scopes=list(body.scopes), days=body.days, actor=actor, now=utc_now()
    )
    return ApiTokenCreated(**ApiTokenRead.model_validate(made).model_dump(), token=readable)


@router.delete("/me/tokens/{number}", status_code=status.HTTP_204_NO_CONTENT)
def revoke_my_token(number: int, session: WriteSession, actor: ActorDep) -> None:
    """Revoke one of your API tokens."""
    revoke_api_token(session, session.get_one(User, actor.user_id), number, actor=actor, now=utc_now())


@router.get("/{user}")
def read(user: str, session: ReadSession, _: ActorDep) -> UserRead:
    """Read a user by UUID, number or e-mail address."""
    return UserRead.model_validate(get_user(session, user))


@router.patch("/{user}")
def change(user: str, body: UserPatch, session: WriteSession, actor: ActorDep) -> UserRead:
    """Change a user (administrators)."""
    found = get_user(session, user)
    change_user(session, found, changes=_given(body), actor=actor, now=utc_now())
    return UserRead.model_validate(found)


@router.post("/{user}/password", status_code=status.HTTP_204_NO_CONTENT)
def reset_password(user: str, body: PasswordChange, session: WriteSession, actor: ActorDep, hasher: HasherDep) -> None:
    """Give a user a new password (administrators); they are signed out everywhere."""
    found = get_user(session, user)
    change_password(session, found, old=None, new=body.new_password, hasher=hasher, actor=actor, now=utc_now())


def _given(body: UserPatch | OwnPatch) -> dict[str, Any]:
    return {field: value for field, value in body.model_dump(exclude_unset=True).items() if value is not None}
