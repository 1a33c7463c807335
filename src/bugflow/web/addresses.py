"""Addresses of this site: nobody is sent to another one."""

from urllib.parse import urlsplit

from fastapi import Request

LONGEST_ADDRESS = 2000


def local_address(address: str) -> str:
    """Return an address of this site; any other becomes the start page."""
    parts = urlsplit(address.replace("\\", "/"))
    local = not parts.scheme and not parts.netloc and parts.path.startswith("/") and not parts.path.startswith("//")
    return address if local and address.isprintable() else "/"


def find_page_address(request: Request) -> str:
    """Return where the reader is: the page itself, or the one whose form is sent.

    Without its query if that is too long to be sent along in a form.
    """
    place = request.url
    if request.method == "POST":
        sender = urlsplit(request.headers.get("referer", ""))
        if sender.netloc != request.url.netloc:
            return "/"
        place = place.replace(path=sender.path, query=sender.query)
    address = f"{place.path}?{place.query}" if place.query else place.path
    return local_address(address if len(address) <= LONGEST_ADDRESS else place.path)
