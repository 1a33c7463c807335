"""Which route answered a request, as a template: few values, fit for labels and logs."""

from typing import Any

from starlette.types import Scope

UNMATCHED = "unmatched"


def route_template(scope: Scope) -> str:
    """Return the path of the route with its parameters' names, or `unmatched`; known once it was routed."""
    included: Any = scope.get("fastapi", {}).get("effective_route_context")  # Has the prefixes of its routers.
    path = getattr(included, "path", None) or getattr(scope.get("route"), "path", None)
    return str(path) if path else UNMATCHED
