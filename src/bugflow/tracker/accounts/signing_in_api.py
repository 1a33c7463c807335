"""Signing in over HTTP: POST /token, refreshing, signing out."""

from typing import Annotated, Any

from fastapi import Depends, Request, status
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from bugflow.core.clock import utc_now
from bugflow.core.errors import InvalidError
from bugflow.core.http.dependencies import ClientAddressDep, DatabaseDep, SettingsDep, WriteSession
from bugflow.core.http.routes import Router
from bugflow.core.security.passwords import PasswordHasher
from bugflow.tracker.accounts.errors import NotSignedInError
from bugflow.tracker.accounts.schemas import Credentials, RefreshToken, TokensRead
from bugflow.tracker.accounts.signing_in import Tokens, check_credentials, end_sign_in, rotate_refresh_token, sign_in
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.accounts.throttling import SignInThrottle

router = Router(tags=["signing in"])

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
        if request.headers.get("content-type", "").lower().startswith("application/json"):
            values: object = await request.json()
        else:
            async with request.form() as form:
                values = dict(form)
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError from error
    try:
        return Credentials.model_validate(values)
    except ValidationError as error:
        raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in error.errors()]) from error


async def get_hasher(request: Request) -> PasswordHasher:
    """Return the application's password hasher."""
    hasher: PasswordHasher = request.app.state.hasher
    return hasher


async def get_throttle(request: Request) -> SignInThrottle:
    """Return the application's sign-in throttle."""
    throttle: SignInThrottle = request.app.state.sign_in_throttle
    return throttle


HasherDep = Annotated[PasswordHasher, Depends(get_hasher)]
ThrottleDep = Annotated[SignInThrottle, Depends(get_throttle)]


@router.post("/token", openapi_extra=CREDENTIALS_BODY)
def token(
    credentials: Annotated[Credentials, Depends(read_credentials)],
    database: DatabaseDep,
    settings: SettingsDep,
    hasher: HasherDep,
    throttle: ThrottleDep,
    address: ClientAddressDep,
) -> TokensRead:
    """Sign in with an e-mail address and a password, as JSON or as an OAuth2 form."""
    user_id = check_credentials(
        database,
        email=credentials.username,
        password=credentials.password,
        hasher=hasher,
        throttle=throttle,
        address=address or "",
    )
    with database.transaction() as session:
        user = session.get_one(User, user_id)
        return _describe(sign_in(session, user, settings=settings, address=address, now=utc_now()))


@router.post("/api/v1/auth/refresh")
def refresh(body: RefreshToken, database: DatabaseDep, settings: SettingsDep, address: ClientAddressDep) -> TokensRead:
    """Exchange a refresh token for new tokens; used twice, it ends the sign-in."""
    with database.transaction() as session:
        tokens = rotate_refresh_token(session, body.refresh_token, settings=settings, address=address, now=utc_now())
    if tokens is None:  # Refused after the transaction, so that the family's end is kept.
        raise NotSignedInError
    return _describe(tokens)


@router.post("/api/v1/auth/sign-out", status_code=status.HTTP_204_NO_CONTENT)
def sign_out(body: RefreshToken, session: WriteSession, address: ClientAddressDep) -> None:
    """End a sign-in; its access token ends by itself soon."""
    end_sign_in(session, body.refresh_token, address=address, now=utc_now())


def _describe(tokens: Tokens) -> TokensRead:
    return TokensRead(
        access_token=tokens.access_token, refresh_token=tokens.refresh_token, expires_in=tokens.expires_in_seconds
    )
