"""A real server and what a browser sees of it."""

import socket
import threading
import time
from dataclasses import dataclass, field

import uvicorn
from playwright.sync_api import Browser, Page
from starlette.types import ASGIApp

from factories.app import PASSWORD, Installation


@dataclass
class Site:
    """A server, the people on it and what their browsers complained about."""

    address: str
    installation: Installation
    browser: Browser
    complaints: list[str] = field(default_factory=list)

    def open(self, role: str | None = None, *, theme: str = "light", width: int = 1280) -> Page:
        """Return a page of a new browser profile, signed in as the user with this role."""
        context = self.browser.new_context(
            base_url=self.address,
            viewport={"width": width, "height": 800},
            color_scheme="dark" if theme == "dark" else "light",
        )
        context.set_default_timeout(10_000)
        page = context.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        if role is not None:
            page.goto("/sign-in")
            page.get_by_label("E-mail address").fill(f"{role}@example.com")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("main").get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/issues")
        return page


def press(page: Page, key: str) -> None:
    """Press a key once the page listens: its text is there, and can be expected, before its script has run."""
    page.wait_for_load_state()
    page.keyboard.press(key)


class serve:  # noqa: N801 -- Used as `with serve(app)`.
    """Serves an application from a thread."""

    def __init__(self, app: ASGIApp) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self) -> str:
        """Start, and return the address."""
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
