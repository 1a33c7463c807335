"""A client that behaves as a browser does: cookies, forms, no JavaScript."""

import re
from html import unescape

from httpx2 import Response

from factories.app import PASSWORD, Installation

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


class Browser:
    """A signed-in person's browser."""

    def __init__(self, installation: Installation, role: str | None) -> None:
        self._client = installation.client
        self.cookie = ""
        if role is not None:
            answer = self.submit("/sign-in", email=f"{role}@example.com", password=PASSWORD, next="/")
            assert answer.status_code == 303, answer.text
            self.cookie = answer.headers["set-cookie"].split(";")[0]

    def get(self, path: str) -> Response:
        """Open an address; redirections are not followed."""
        return self._client.get(path, headers=self._headers(), follow_redirects=False)

    def submit(self, path: str, **fields: str) -> Response:
        """Send a form; redirections are not followed."""
        self._client.cookies.clear()
        return self._client.post(path, data=fields, headers=self._headers(), follow_redirects=False)

    def send(self, path: str, fields: dict[str, str], **headers: str) -> Response:
        """Send a form with other headers."""
        self._client.cookies.clear()
        sent = self._headers() | {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.post(path, data=fields, headers=sent, follow_redirects=False)

    def attach(self, path: str, name: str, content: bytes) -> Response:
        """Send a form with a file."""
        return self._client.post(path, files={"file": (name, content)}, headers=self._headers(), follow_redirects=False)

    def _headers(self) -> dict[str, str]:
        self._client.cookies.clear()
        return SAME_ORIGIN | ({"Cookie": self.cookie} if self.cookie else {})


def form_fields(page: str, action: str) -> dict[str, str]:
    """Return what the hidden fields of a page's form say."""
    form = page.split(f'action="{action}"')[1].split("</form>", maxsplit=1)[0]
    hidden = re.findall(r'<input type="hidden"\s+name="([^"]*)"\s+value="([^"]*)"', form)
    return {unescape(name): unescape(value) for name, value in hidden}


def field_value(page: str, name: str) -> str:
    """Return what an input of a page has as its value."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert found is not None, f"no input named {name}"
    value = re.search(r'value="([^"]*)"', found.group())
    return unescape(value.group(1)) if value else ""
