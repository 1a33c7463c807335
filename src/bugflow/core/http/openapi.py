"""The OpenAPI description: what every operation may answer, said once, and names that stay."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from bugflow.core.http.problems import PROBLEM_TYPE, ProblemRead

DESCRIPTION = (
    "Sign in by `POST /token`, or make a personal API token, and send it as `Authorization: Bearer …`. Whatever is "
    "not done is answered by problem details (RFC 9457) that say what happened and what to do. Lists are read page by "
    "page: give `next_cursor` of one page as `cursor` for the next."
)

METHODS = frozenset({"get", "put", "post", "delete", "patch"})

PROBLEMS = {
    "401": ("Unauthenticated", "Nobody is signed in, or the token is expired, altered or revoked."),
    "403": ("Forbidden", "The role, or the scope of the API token, does not allow it."),
    "404": ("NotFound", "It does not exist, or you may not see it."),
    "409": ("Conflict", "The present state does not allow it: a stale version, a name in use. Read it again."),
    "413": ("TooLarge", "The body is larger than allowed."),
    "422": ("Invalid", "The input is not valid; `errors` says it field by field."),
    "429": ("TooManyRequests", "Too many requests; `Retry-After` says in how many seconds there is room again."),
    "503": ("Unavailable", "The database or the storage does not answer now; nothing was stored. Try again."),
    "4XX": ("Refused", "It was not done; the detail says why and what to do."),
    "5XX": ("Failed", "The server made a mistake or is full; nothing was stored."),
}
"""Every problem that an operation may answer: its name in the description, and what it means."""

RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}


def name_operation(route: APIRoute) -> str:
    """Return an operation's id: its area and its function, which stay when a path changes."""
    area = str(route.tags[0]).replace(" ", "_") if route.tags else "api"
    return f"{area}_{route.name}"


def describe_api(app: FastAPI) -> None:
    """Let an application describe what its operations may answer. Call it when every router is included."""
    generate: Callable[[], dict[str, Any]] = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(generate())
        return app.openapi_schema

    setattr(app, "openapi", describe)  # noqa: B010 -- FastAPI's own way to extend the description, a method set anew.


def iterate_operations(description: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give the method, the path and the description of every operation."""
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield method.upper(), path, operation


def _complete(description: dict[str, Any]) -> dict[str, Any]:
    description["info"]["description"] = DESCRIPTION
    components = description.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schema = ProblemRead.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schema.pop("$defs", {})
    schemas["Problem"] = schema
    components["responses"] = {name: _describe(status, text) for status, (name, text) in PROBLEMS.items()}
    for _, path, operation in iterate_operations(description):
        operation["summary"] = _first_sentence(operation.get("description", operation["summary"]))
        for status in _choose_statuses(path, operation):
            operation["responses"][status] = {"$ref": f"#/components/responses/{PROBLEMS[status][0]}"}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    return description


def _describe(status: str, text: str) -> dict[str, Any]:
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    headers = {"headers": RETRY_AFTER} if status in {"429", "503"} else {}
    return {"description": text, **headers, "content": content}


def _choose_statuses(path: str, operation: dict[str, Any]) -> list[str]:
    statuses = {"429", "503", "4XX", "5XX"}
    signed_in, takes_body = bool(operation.get("security")), "requestBody" in operation
    if signed_in:
        statuses |= {"401", "403"}
    elif takes_body:
        statuses.add("401")  # Signing in.
    if takes_body:
        statuses |= {"413", "422"}
    if "{" in path or (signed_in and takes_body):
        statuses |= {"404", "409"} if takes_body else {"404"}
    if operation.get("parameters"):
        statuses.add("422")
    return sorted(statuses)


def _first_sentence(text: str) -> str:
    return text.split(". ", 1)[0].split("; ", 1)[0].strip().rstrip(".")


def describe_files(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return what an operation answers that gives a file of one of these types, for its `responses`."""
    binary: dict[str, Any] = {"type": "string", "format": "binary"}
    content = {each: {"schema": {} if each == "application/json" else binary} for each in media_types}
    return {200: {"description": "The file.", "content": content}}
