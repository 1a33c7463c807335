"""What every page shares: problem pages, the choice of light or dark, installing it all."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Literal, cast
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Request
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from bugflow.core.http.problems import Problem
from bugflow.core.http.routes import Router
from bugflow.core.settings import Settings
from bugflow.web.addresses import LONGEST_ADDRESS, find_page_address, local_address
from bugflow.web.forms import KeptForm, find_kept_form
from bugflow.web.rendering import THEME_COOKIE, NavigationItem, Renderer, RendererDep, see_other
from bugflow.web.static_files import ADDRESS, HashedStaticFiles

SIGN_IN = "/sign-in"
YEAR_SECONDS = 365 * 86_400

FindViewer = Callable[[Request], object]
"""Returns who sends a request, as `Renderer.render` takes them; none where nobody is signed in."""

router = Router(include_in_schema=False)


@router.post("/theme")
def choose_theme(
    theme: Annotated[Literal["system", "light", "dark"], Form()],
    back: Annotated[str, Form(max_length=LONGEST_ADDRESS)] = "/",
) -> Response:
    """Remember light, dark or as the system does."""
    response = see_other(local_address(back))
    response.set_cookie(THEME_COOKIE, theme, max_age=YEAR_SECONDS, httponly=True, samesite="lax")
    return response


def answer_problem_page(request: Request, problem: Problem) -> Response:
    """Show what went wrong, and what was typed; who is not signed in is asked to, and brought back afterwards.

    Whom no endpoint has looked up is looked up here, unless the server itself is in trouble.
    """
    kept = find_kept_form(request)
    if problem.status == HTTPStatus.UNAUTHORIZED:
        return _ask_to_sign_in(request, kept)
    renderer = cast("Renderer", request.app.state.renderer)
    page = renderer.render(
        request,
        "problem.html",
        viewer=_find_viewer(request, problem),
        with_navigation=True,
        status=problem.status,
        title=problem.title,
        detail=problem.detail,
        problems=problem.members.get("errors", ()),
        kept=kept,
        back=find_page_address(request) if request.method == "POST" else None,
        request_id=getattr(request.state, "request_id", None) if problem.status >= 500 else None,  # noqa: PLR2004 -- HTTP.
    )
    page.headers.update(problem.headers)
    return page


def _find_viewer(request: Request, problem: Problem) -> object:
    viewer = getattr(request.state, "viewer", None)
    if viewer is not None or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return viewer
    find_viewer = cast("FindViewer", request.app.state.find_viewer)
    try:
        return find_viewer(request)
    except SQLAlchemyError:  # What is said matters more than to whom.
        return None


def _ask_to_sign_in(request: Request, kept: KeptForm | None) -> Response:
    """Send a reader to the form; who has sent something gets it at once, with the text inside and in no address."""
    if kept is None:
        back = find_page_address(request)
        return see_other(SIGN_IN if back == "/" else f"{SIGN_IN}?{urlencode({'next': back})}")
    return cast("Renderer", request.app.state.renderer).render(
        request,
        "accounts/sign_in.html",
        status=HTTPStatus.UNAUTHORIZED,
        ready=True,
        back=find_page_address(request),
        email="",
        demo=cast("Settings", request.app.state.settings).demo,
        kept=kept,
    )


@router.get("/docs")
def show_api(request: Request, renderer: RendererDep) -> Response:
    """Show the API, to be tried out; its scripts come from this server, so that it works without a network."""
    page = renderer.render(request, "api.html")
    page.headers["Content-Security-Policy"] += "; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    return page


def install_web(app: FastAPI, navigation: Sequence[NavigationItem], *, find_viewer: FindViewer) -> None:
    """Give an application what its pages need; who looks at one is for the accounts to say, which build on this."""
    app.state.renderer = Renderer(navigation)
    app.state.find_viewer = find_viewer
    app.mount(f"{ADDRESS}/swagger", StaticFiles(packages=[("fastapi_offline", "static")]), name="swagger")
    app.mount(ADDRESS, HashedStaticFiles(), name="static")
    app.include_router(router)
