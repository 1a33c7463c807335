"""Style sheets, scripts and pictures, kept by browsers for a year under an address that changes with the content."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"
ADDRESS = "/static"
HASH_DIGITS = 12


@cache
def static_address(name: str) -> str:
    """Return the address of a static file, with the hash of its content."""
    digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()[:HASH_DIGITS]
    return f"{ADDRESS}/{name}?v={digest}"


class HashedStaticFiles(StaticFiles):
    """Serves the folder of static files."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    def file_response(self, *arguments: Any, **more: Any) -> Response:  # noqa: ANN401 -- Starlette's.
        """Return a file; one asked for by its hash never changes."""
        response = super().file_response(*arguments, **more)
        scope: Scope = more.get("scope") or arguments[2]
        by_hash = scope.get("query_string", b"").startswith(b"v=")
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if by_hash else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
