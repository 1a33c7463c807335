"""Pages from templates, with the headers that keep a browser safe."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, cast
from urllib.parse import urlencode

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse

from bugflow.core.clock import utc_now
from bugflow.core.errors import BugFlowError
from bugflow.core.http.problems import describe_error
from bugflow.web.addresses import find_page_address
from bugflow.web.markdown import render_markdown
from bugflow.web.static_files import static_address

THEMES = ("system", "light", "dark")
THEME_COOKIE = "bugflow_theme"

PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}

UNITS = ((31_536_000, "year"), (2_592_000, "month"), (604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True)
class NavigationItem:
    """A place in the navigation; `key` opens it from the keyboard, `permission` is what its viewers must have."""

    name: str
    address: str
    key: str | None = None
    permission: str | None = None


class Renderer:
    """Turns templates into pages; a name that a template lacks is an error, not an empty place."""

    def __init__(self, navigation: Sequence[NavigationItem]) -> None:
        self._environment = _build_environment()
        self._environment.globals |= {"static": static_address, "navigation": list(navigation), "now": utc_now}

    def render(
        self,
        request: Request,
        template: str,
        *,
        viewer: object = None,
        with_navigation: bool = False,
        error: BugFlowError | None = None,
        status: int = 200,
        **context: object,
    ) -> HTMLResponse:
        """Return a page; `viewer` is who looks at it, none where nobody is signed in or nobody knows.

        Viewers have the navigation; `with_navigation` gives it to everybody.
        With an `error` it is answered with that error's status, and the template finds its sentence as `problem`.
        """
        theme = request.cookies.get(THEME_COOKIE, "system")
        html = self._environment.get_template(template).render(
            request_path=request.url.path,
            request_address=find_page_address(request),
            theme=theme if theme in THEMES else "system",
            viewer=viewer,
            show_navigation=with_navigation or viewer is not None,
            problem=None if error is None else str(error),
            **context,
        )
        answered = status if error is None else describe_error(error).status
        return HTMLResponse(html, status_code=answered, headers=PAGE_HEADERS)


def _build_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bugflow.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "ago": describe_age,
        "exact": describe_moment,
        "markdown": render_markdown,
        "words": lambda text: str(text).replace("_", " "),
        "number": lambda value: "" if value is None else f"{value:g}",
        "query": lambda values: urlencode({key: value for key, value in values.items() if value}),
    }
    return environment


def render_document(template: str, **context: object) -> str:
    """Return a page that is kept in a file: it needs no site around it."""
    return _build_environment().get_template(template).render(**context)


def see_other(address: str) -> RedirectResponse:
    """Return the answer that sends a browser elsewhere after a form was taken."""
    return RedirectResponse(address, status_code=303)


def describe_age(moment: datetime | date) -> str:
    """Return how long ago a moment was, or in how long it will be."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    seconds = (utc_now() - moment).total_seconds()
    for length, unit in UNITS:
        count = int(abs(seconds) // length)
        if count:
            words = f"{count} {unit}{'s' if count > 1 else ''}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now"


def describe_moment(moment: datetime) -> str:
    """Return a moment exactly, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


async def get_renderer(request: Request) -> Renderer:
    """Return the application's renderer."""
    return cast("Renderer", request.app.state.renderer)


RendererDep = Annotated[Renderer, Depends(get_renderer)]
