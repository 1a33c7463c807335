"""What the OpenAPI description promises, tried with generated requests; none may be answered by 500."""

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from bugflow.tracker.accounts.roles import Role
from factories.app import Installation

EXAMPLES = int(os.environ.get("BUGFLOW_CONTRACT_EXAMPLES", "12"))
CHECKS: list[Any] = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]

LAST = {"/api/v1/users/me/password", "/api/v1/auth/sign-out", "/token"}
"""They may end the sign-in, or shut it to everybody for a while."""


def fill(installation: Installation) -> dict[str, Any]:
    """Make something of everything and return what it is called, for the parameters of paths."""
    for title in ("First", "Second"):
        body = {"project": "WEB", "title": title, "severity": "high", "labels": ["x"]}
        installation.call("tester", "POST", "/api/v1/issues", json=body)
    installation.call("tester", "POST", "/api/v1/issues/1/comments", json={"body": "Seen"})
    installation.call("developer", "POST", "/api/v1/issues/1/relations", json={"kind": "blocks", "target": 2})
    dates = {"name": "One", "starts_on": "2026-11-02", "ends_on": "2026-11-15"}
    sprint = installation.call("project_manager", "POST", "/api/v1/projects/WEB/sprints", json=dates)
    sent = installation.call("admin", "POST", "/api/v1/imports", data={"source": "jira"}, files={"files": b"[]"})
    kept = installation.call("tester", "POST", "/api/v1/saved-searches", json={"name": "Mine", "query": "is:open"})
    attached = installation.call("tester", "POST", "/api/v1/issues/1/attachments", files={"file": ("a.txt", b"x")})
    return {
        "issue": "1",
        "project": "WEB",
        "user": "developer@example.com",
        "number": 1,
        "comment_id": 1,
        "relation_id": 1,
        "sprint": sprint["id"],
        "import_id": sent["id"],
        "run_id": sent["job"],
        "search": kept["id"],
        "attachment": attached["id"],
    }


def try_operation(operation: Any, headers: dict[str, str], known: dict[str, Any]) -> None:  # noqa: ANN401 -- Schemathesis' operation.
    """Send generated requests and check each answer."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), find=st.booleans())
    def try_one(case: Any, find: bool) -> None:  # noqa: ANN401, FBT001 -- Schemathesis' case; a drawn value.
        if find:  # Generated names lead nowhere; half of the requests shall find something.
            wanted = case.path_parameters or {}
            case.path_parameters = {**wanted, **{name: known[name] for name in wanted if name in known}}
        response = case.call(headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)

    try_one()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("role", Role)
def test_no_request_breaks_the_server_or_its_description(installation: Installation, role: str) -> None:
    known = fill(installation)
    app = installation.client.app
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    broken: list[str] = []
    count = 0
    found: Any = schema.get_all_operations()
    operations = [each.ok() for each in found]
    for operation in sorted(operations, key=lambda each: each.path in LAST):
        count += 1
        try:
            try_operation(operation, installation.sign_in(role), known)
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 -- Every fault is to be told at once.
            broken.append(f"{operation.method.upper()} {operation.path}: {_explain(error)}")
    assert count > 50
    assert not broken, "\n\n".join(broken)


def _explain(error: BaseException) -> str:
    inner = getattr(error, "exceptions", None)
    return "; ".join(map(_explain, inner)) if inner else str(error)[:700]
