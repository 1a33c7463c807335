"""What every page shares: problem pages, the choice of light or dark, installing it all."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal, cast
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, FastAPI, Form, Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from bugflow.core.http.problems import Problem
from bugflow.web.rendering import LONGEST_ADDRESS, THEME_COOKIE, NavigationItem, Renderer, RendererDep, see_other
from bugflow.web.static_files import ADDRESS, HashedStaticFiles

SIGN_IN = "/sign-in"
YEAR_SECONDS = 365 * 86_400

router = APIRouter(include_in_schema=False)


@router.post("/theme")
def choose_theme(
    theme: Annotated[Literal["system", "light", "dark"], Form()],
    back: Annotated[str, Form(max_length=LONGEST_ADDRESS)] = "/",
) -> Response:
    """Remember light, dark or as the system does."""
    response = see_other(local_address(back))
    response.set_cookie(THEME_COOKIE, theme, max_age=YEAR_SECONDS, httponly=True, samesite="lax")
    return response


def local_address(address: str) -> str:
    """Return an address of this site; any other becomes the start page."""
    parts = urlsplit(address.replace("\\", "/"))
    local = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not parts.path.startswith("//")
    return address if local and address.isprintable() else "/"


def answer_problem_page(request: Request, problem: Problem) -> Response:
    """Show what went wrong; who is not signed in is sent there, and back afterwards."""
    if problem.status == HTTPStatus.UNAUTHORIZED:
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        wanted = {"next": back} if request.method == "GET" and back != "/" else {}
        return see_other(f"{SIGN_IN}?{urlencode(wanted)}" if wanted else SIGN_IN)
    renderer = cast("Renderer", request.app.state.renderer)
    page = renderer.render(
        request,
        "problem.html",
        status=problem.status,
        title=problem.title,
        detail=problem.detail,
        problems=problem.members.get("errors", ()),
        request_id=getattr(request.state, "request_id", None) if problem.status >= 500 else None,  # noqa: PLR2004 -- HTTP.
    )
    page.headers.update(problem.headers)
    return page


@router.get("/docs")
def show_api(request: Request, renderer: RendererDep) -> Response:
    """Show the API, to be tried out; its scripts come from this server, so that it works without a network."""
    page = renderer.render(request, "api.html")
    page.headers["Content-Security-Policy"] += "; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
    return page


def install_web(app: FastAPI, navigation: Sequence[NavigationItem]) -> None:
    """Give an application what its pages need."""
    app.state.renderer = Renderer(navigation)
    app.mount(f"{ADDRESS}/swagger", StaticFiles(packages=[("fastapi_offline", "static")]), name="swagger")
    app.mount(ADDRESS, HashedStaticFiles(), name="static")
    app.include_router(router)
