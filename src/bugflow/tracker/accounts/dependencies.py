"""Who is asking: from a bearer token or the browser's session."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from bugflow.core.clock import utc_now
from bugflow.core.errors import ForbiddenError
from bugflow.core.http.dependencies import DatabaseDep, SettingsDep
from bugflow.core.http.rate_limit import per_minute
from bugflow.tracker.accounts.actor import Actor, Origin
from bugflow.tracker.accounts.errors import NotSignedInError
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.signing_in import (
    API_TOKEN_PREFIX,
    find_api_token,
    find_user_by_access_token,
)
from bugflow.tracker.accounts.tables import User

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

bearer = OAuth2PasswordBearer(tokenUrl="/token", auto_error=False)


class ScopeError(ForbiddenError):
    """An API token used for more than it was made for."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This API token lacks the scope '{scope}'. Make one that has it, or sign in.")


def authenticate(
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    token: Annotated[str | None, Depends(bearer)],
) -> Actor:
    """Return who is asking, and count the request against their limit.

    Raises:
        NotSignedInError: The token is missing, expired, altered or revoked.
        ScopeError: An API token lacks the scope.
        RateLimitedError: Too many requests in the last minute.
    """
    if not token:
        raise NotSignedInError
    with database.snapshot() as session:
        if token.startswith(API_TOKEN_PREFIX):
            found = find_api_token(session, token, now=utc_now())
            if found is None:
                raise NotSignedInError
            user, api_token = found
            _require_scope(request, api_token.scopes)
        else:
            signed_in = find_user_by_access_token(session, token, settings=settings)
            if signed_in is None:
                raise NotSignedInError
            user = signed_in
    request.app.state.limiter.hit(per_minute(settings.rate_limit_per_minute), "user", str(user.id))
    return build_actor(user, origin="api", address=request.client.host if request.client else None)


def build_actor(user: User, *, origin: Origin, address: str | None) -> Actor:
    """Return the user as one who acts."""
    return Actor(user_id=user.id, name=user.name, role=Role(user.role), origin=origin, address=address)


def _require_scope(request: Request, scopes: list[str]) -> None:
    wanted = "read" if request.method in READING_METHODS else "write"
    if wanted not in scopes:
        raise ScopeError(wanted)


ActorDep = Annotated[Actor, Depends(authenticate)]
