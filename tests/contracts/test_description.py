"""The OpenAPI description: complete for every operation, and the same names from release to release."""

import re
from collections import Counter
from typing import Any

import jsonschema_rs
import pytest

from bugflow.core.http.openapi import PROBLEMS, iterate_operations
from factories.app import Installation


@pytest.fixture
def description(installation: Installation) -> dict[str, Any]:
    found: dict[str, Any] = installation.client.get("/openapi.json").json()
    return found


def test_every_operation_says_what_it_does_and_gives(description: dict[str, Any]) -> None:
    for method, path, operation in iterate_operations(description):
        assert operation["description"].endswith("."), f"{method} {path}"
        assert 3 < len(operation["summary"]) < 100, f"{method} {path}"
        [success] = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
        assert "content" in success or "204" in operation["responses"], f"{method} {path}"


def test_the_names_of_operations_are_readable_and_each_is_given_once(description: dict[str, Any]) -> None:
    names = Counter(operation["operationId"] for _, _, operation in iterate_operations(description))
    assert set(names.values()) == {1}
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)+", name) for name in names)
    assert {"short_verbs_report", "short_verbs_update", "signing_in_token", "issues_create"} <= set(names)


def test_every_operation_tells_which_problems_it_answers(description: dict[str, Any]) -> None:
    for method, path, operation in iterate_operations(description):
        told = {status for status in operation["responses"] if status in PROBLEMS}
        assert {"429", "503", "4XX", "5XX"} <= told
        if operation.get("security"):
            assert {"401", "403"} <= told, f"{method} {path}"
        if "requestBody" in operation:
            assert {"413", "422"} <= told, f"{method} {path}"
        if "{" in path:
            assert "404" in told, f"{method} {path}"


def test_every_problem_is_described_once_and_by_one_schema(description: dict[str, Any]) -> None:
    responses = description["components"]["responses"]
    assert set(responses) == {name for name, _ in PROBLEMS.values()}
    for answer in responses.values():
        assert answer["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    assert "HTTPValidationError" not in str(description)


def test_a_refusal_is_as_its_schema_says(installation: Installation, description: dict[str, Any]) -> None:
    schema = {**description["components"]["schemas"]["Problem"], "components": description["components"]}
    for path, body in (("/report_bug", {}), ("/update_bug", {"bug_id": 9, "status": "closed"})):
        answer = installation.client.post(path, json=body, headers=installation.sign_in("tester"))
        assert answer.status_code in {404, 422}
        jsonschema_rs.validate(schema, answer.json())


def test_one_signs_in_by_the_described_scheme(description: dict[str, Any]) -> None:
    [scheme] = description["components"]["securitySchemes"].values()
    assert scheme["flows"]["password"]["tokenUrl"] == "/token"


@pytest.mark.parametrize("path", ["/token", "/report_bug", "/update_bug"])
def test_the_examples_of_the_documented_calls_are_taken(installation: Installation, path: str) -> None:
    description = installation.client.get("/openapi.json").json()
    schema = description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    installation.call("tester", "POST", "/report_bug", json={"description": "It fails.", "project": "WEB"})
    for example in schema["examples"]:
        headers = installation.sign_in("project_manager")
        answer = installation.client.post(path, json=example, headers=headers)
        assert answer.status_code in ({401} if path == "/token" else {200}), answer.text
