"""Who is asking: from a bearer token or the browser's session."""

from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bugflow.core.clock import utc_now
from bugflow.core.http.dependencies import (
    find_client_address,
    find_database,
    find_limiter,
    find_settings,
    read_briefly,
)
from bugflow.core.http.rate_limit import RateLimitedError, RateLimiter, per_minute
from bugflow.core.settings import Settings
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.actor import Actor, MissingScopeError
from bugflow.tracker.accounts.api_tokens import API_TOKEN_PREFIX, find_api_token
from bugflow.tracker.accounts.errors import CrossSiteRequestError, NotSignedInError, TokenCannotError
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.accounts.signing_in import find_user_by_access_token, find_user_by_web_session

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION_COOKIE = "bugflow_session"

bearer = OAuth2PasswordBearer(
    tokenUrl="/token",
    scheme_name="bearer",
    description="The access token from `POST /token`, or a personal API token.",
    auto_error=False,
)


async def authenticate(request: Request, token: Annotated[str | None, Depends(bearer)]) -> Actor:
    """Return who is asking, and count the request against their limit.

    It reads in a snapshot of its own, which is over when the endpoint begins, and so never takes the write lock.

    Raises:
        NotSignedInError: There is no token, or it is expired, altered or revoked.
        MissingScopeError: An API token lacks the scope.
        CrossSiteRequestError: Another site's page uses the browser's session.
        RateLimitedError: Too many requests in the last minute.
    """
    settings = find_settings(request)
    find = partial(_find_actor, request, token, settings)
    actor = await read_briefly(find_database(request), find)
    if actor is None:
        raise NotSignedInError
    _require_scope(request, actor)
    if actor.origin == "web":
        require_same_site(request, settings)
    limiter = find_limiter(request)
    if limiter.is_shared:
        await run_in_threadpool(_count_request, request, actor, limiter, settings)
    else:
        _count_request(request, actor, limiter, settings)
    return actor


def _find_actor(request: Request, token: str | None, settings: Settings, session: Session) -> Actor | None:
    address = find_client_address(request)
    if token:
        return _find_by_token(session, token, settings=settings, address=address)
    cookie = request.cookies.get(SESSION_COOKIE)
    return find_actor_by_cookie(session, cookie, address=address) if cookie else None


def _find_by_token(session: Session, token: str, *, settings: Settings, address: str | None) -> Actor | None:
    if token.startswith(API_TOKEN_PREFIX):
        found = find_api_token(session, token, now=utc_now())
        if found is None:
            return None
        user, api_token = found
        return build_actor(user, origin="api", address=address, scopes=frozenset(api_token.scopes))
    signed_in = find_user_by_access_token(session, token, settings=settings)
    return build_actor(signed_in, origin="api", address=address) if signed_in is not None else None


def find_actor_by_cookie(session: Session, cookie: str, *, address: str | None) -> Actor | None:
    """Return whose browser session it is, unless it has ended."""
    user = find_user_by_web_session(session, cookie, now=utc_now())
    return build_actor(user, origin="web", address=address) if user is not None else None


def _require_scope(request: Request, actor: Actor) -> None:
    wanted = "read" if request.method in READING_METHODS else "write"
    if actor.scopes is not None and wanted not in actor.scopes:
        raise MissingScopeError(wanted)


def require_same_site(request: Request, settings: Settings) -> None:
    """Refuse a change that another site's page makes; a client that says nothing of a page is no browser."""
    if request.method in READING_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        if site not in {"same-origin", "none"}:
            raise CrossSiteRequestError
    elif origin is not None:
        own = {request.headers.get("host", ""), urlsplit(settings.public_url).netloc}
        if urlsplit(origin).netloc not in own:
            raise CrossSiteRequestError


def _count_request(request: Request, actor: Actor, limiter: RateLimiter, settings: Settings) -> None:
    web = actor.origin == "web"
    limit = per_minute(settings.page_limit_per_minute if web else settings.rate_limit_per_minute)
    usage = limiter.count(limit, "web" if web else "user", str(actor.user_id))
    request.state.user_number = actor.user_id
    request.state.rate_limit = usage
    if not usage.allowed:
        raise RateLimitedError(str(limit), usage.reset_seconds)


ActorDep = Annotated[Actor, Depends(authenticate)]


def require_sign_in(actor: ActorDep) -> Actor:
    """Return who is asking, who must have signed in: an API token is not enough.

    Raises:
        TokenCannotError: An API token is used.
    """
    if actor.scopes is not None:
        raise TokenCannotError
    return actor


SignedInActorDep = Annotated[Actor, Depends(require_sign_in)]


def require_audit_reader(actor: ActorDep) -> None:
    """Refuse those who may not read the audit log.

    Raises:
        MissingPermissionError: The role does not allow it.
    """
    actor.require(Permission.READ_AUDIT)
