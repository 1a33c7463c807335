"""Signing in and out in the browser."""

from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError, UnavailableError
from bugflow.core.http.dependencies import (
    ClientAddressDep,
    DatabaseDep,
    SettingsDep,
    find_client_address,
    find_database,
    find_settings,
)
from bugflow.core.http.routes import Router
from bugflow.tracker.accounts.acting import build_actor
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.dependencies import (
    SESSION_COOKIE,
    ActorDep,
    find_actor_by_cookie,
    require_same_site,
)
from bugflow.tracker.accounts.queries import has_users
from bugflow.tracker.accounts.signing_in import check_credentials, end_sign_in, start_web_session
from bugflow.tracker.accounts.signing_in_api import HasherDep, ThrottleDep
from bugflow.tracker.accounts.tables import User
from bugflow.web.addresses import local_address
from bugflow.web.forms import FormFields, KeptForm, keep_form, unpack_form
from bugflow.web.pages import SIGN_IN
from bugflow.web.rendering import Renderer, RendererDep, see_other

router = Router(include_in_schema=False)

DAY_SECONDS = 86_400


async def keep_own_form(request: Request) -> None:
    """Keep what is sent until it is taken, but nothing that another site's page sends.

    Raises:
        CrossSiteRequestError: Another site's page sends it.
    """
    require_same_site(request, find_settings(request))
    await keep_form(request)


async def remember_viewer(request: Request, actor: ActorDep) -> None:
    """Let a page that says what went wrong know its reader."""
    request.state.viewer = actor


PAGE_DEPENDENCIES = (Depends(keep_own_form), Depends(remember_viewer))
"""What every page for signed-in people asks for first."""


def find_viewer(request: Request) -> Actor | None:
    """Return who is signed in, for a page that no endpoint has looked up its reader for; nobody's limit counts it."""
    cookie = request.cookies.get(SESSION_COOKIE)
    if not cookie:
        return None
    with find_database(request).snapshot() as session:
        return find_actor_by_cookie(session, cookie, address=find_client_address(request))


@router.get("/sign-in")
def show_sign_in(
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    renderer: RendererDep,
    back: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """Show the form, or how to add the first administrator."""
    with database.snapshot() as session:
        ready = has_users(session)
    return renderer.render(
        request, "accounts/sign_in.html", ready=ready, back=back, email="", demo=settings.demo, kept=None
    )


@router.post("/sign-in")
def take_sign_in(
    *,
    request: Request,
    database: DatabaseDep,
    settings: SettingsDep,
    renderer: RendererDep,
    hasher: HasherDep,
    throttle: ThrottleDep,
    form: FormFields,
) -> Response:
    """Sign in and go where one wanted to be; what was typed before is shown again, to be sent with one click."""
    require_same_site(request, settings)
    email, password, back = (form.get(name, "") for name in ("email", "password", "next"))
    kept = unpack_form(form)
    address = request.client.host if request.client else None
    try:
        user_id = check_credentials(
            database, email=email, password=password, hasher=hasher, throttle=throttle, address=address or ""
        )
    except BugFlowError as error:
        page = renderer.render(
            request,
            "accounts/sign_in.html",
            error=error,
            ready=True,
            back=back,
            email=email,
            demo=settings.demo,
            kept=kept,
        )
        if isinstance(error, UnavailableError):
            page.headers["Retry-After"] = str(error.retry_after_seconds)
        return page
    with database.transaction() as session:
        user = session.get_one(User, user_id)
        token = start_web_session(session, user, settings=settings, address=address, now=utc_now())
    response = see_other(local_address(back)) if kept is None else _offer_to_send(request, renderer, user, kept, back)
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=settings.refresh_token_days * DAY_SECONDS,
        httponly=True,
        samesite="lax",
        secure=settings.public_url.startswith("https://"),
    )
    return response


def _offer_to_send(request: Request, renderer: Renderer, user: User, kept: KeptForm, back: str) -> Response:
    """Show what was typed before; a person sends it, never the server by itself."""
    return renderer.render(
        request,
        "accounts/send_again.html",
        viewer=build_actor(user, origin="web"),
        kept=KeptForm(local_address(kept.action), kept.fields),
        back=local_address(back),
    )


@router.post("/sign-out")
def take_sign_out(
    request: Request, database: DatabaseDep, settings: SettingsDep, address: ClientAddressDep
) -> Response:
    """End the browser's session."""
    require_same_site(request, settings)
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        with database.transaction() as session:
            end_sign_in(session, token, address=address, now=utc_now())
    response = see_other(SIGN_IN)
    response.delete_cookie(SESSION_COOKIE)
    return response
