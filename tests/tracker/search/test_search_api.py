from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories.app import Installation


@pytest.fixture
def filled(installation: Installation) -> Installation:
    reports: list[dict[str, Any]] = [
        {"title": "Null pointer on save", "severity": "high", "team": "Backend", "priority": "high"},
        {"title": "Save button is grey", "severity": "low", "team": "Frontend", "description": "No pointer to why."},
        {"title": "Login fails", "description": "A null value in the log.", "labels": ["auth"], "assignee": 2},
        {"title": "Maps are slow", "team": "Mobile", "due_on": "2020-01-01", "story_points": 3},
    ]
    for report in reports:
        installation.call("project_manager", "POST", "/api/v1/issues", json={"project": "WEB"} | report)
    installation.call("tester", "POST", "/api/v1/issues/3/comments", json={"body": "The zeppelin was full."})
    return installation


def keys(installation: Installation, query: str, role: str = "developer", **parameters: Any) -> list[str]:  # noqa: ANN401 -- Any.
    page = installation.call(role, "GET", "/api/v1/issues", params={"q": query} | parameters)
    return [issue["key"] for issue in page["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["WEB-3", "WEB-4", "WEB-2", "WEB-1"]),
        ("null pointer", ["WEB-1"]),
        ('"null value"', ["WEB-3"]),
        ("zeppelin", ["WEB-3"]),
        ("login zeppelin", ["WEB-3"]),
        ("map", ["WEB-4"]),
        ("failing", ["WEB-3"]),
        ("save -pointer", []),
        ("save -null", ["WEB-2"]),
        ("severity:high,low sort:id-asc", ["WEB-1", "WEB-2"]),
        ("severity:none sort:id-asc", ["WEB-3", "WEB-4"]),
        ("-severity:high sort:id-asc", ["WEB-2", "WEB-3", "WEB-4"]),
        ("team:backend", ["WEB-1"]),
        ("team:backend OR label:auth sort:id-asc", ["WEB-1", "WEB-3"]),
        ("sort:id-asc (null OR slow) is:open", ["WEB-1", "WEB-3", "WEB-4"]),
        ("sort:id-asc -(null OR slow)", ["WEB-2"]),
        ("sort:id-asc -(team:mobile OR severity:low)", ["WEB-1", "WEB-3"]),
        ("null (pointer OR (login -pointer)) sort:id-asc", ["WEB-1", "WEB-3"]),
        ("label:AUTH", ["WEB-3"]),
        ("assignee:@me", ["WEB-3"]),
        ("assignee:developer@example.com", ["WEB-3"]),
        ("is:unassigned sort:id-desc", ["WEB-4", "WEB-2", "WEB-1"]),
        ("is:overdue", ["WEB-4"]),
        ("points:>2", ["WEB-4"]),
        ("has:comments", ["WEB-3"]),
        ("is:closed", []),
        ("project:webapp id:2..3 sort:id-asc", ["WEB-2", "WEB-3"]),
        ("created:>=today sort:id-asc", ["WEB-1", "WEB-2", "WEB-3", "WEB-4"]),
        ("created:<2000-01-01", []),
        ("sort:severity-desc", ["WEB-1", "WEB-2", "WEB-4", "WEB-3"]),
        ("sort:priority-desc", ["WEB-1", "WEB-4", "WEB-3", "WEB-2"]),
        ("sort:due-asc", ["WEB-4", "WEB-1", "WEB-2", "WEB-3"]),
        ("!!! ???", ["WEB-3", "WEB-4", "WEB-2", "WEB-1"]),
        ("' OR 1=1 --", []),
    ],
)
def test_a_query_finds_what_it_asks_for(filled: Installation, query: str, found: list[str]) -> None:
    assert keys(filled, query) == found


def test_a_word_in_the_title_weighs_more_than_one_in_the_text(filled: Installation) -> None:
    assert keys(filled, "pointer") == ["WEB-1", "WEB-2"]


@pytest.mark.parametrize("sort", ["updated", "created", "id", "priority", "severity", "due", "relevance"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
@pytest.mark.parametrize("words", ["", "save"])
def test_pages_put_together_are_the_whole_list(filled: Installation, sort: str, direction: str, words: str) -> None:
    query = f"{words} sort:{sort}-{direction}"
    paged = [issue["key"] for issue in filled.walk("developer", f"/api/v1/issues?{urlencode({'q': query})}", limit=1)]
    assert paged == keys(filled, query)


@pytest.mark.parametrize("cursor", ["x", "W10", "eyJhIjoxfQ", "WzEsIDJd", "WyIyMDI2IiwgInguIl0", "%00", "é"])
def test_a_cursor_that_was_made_up_is_refused(filled: Installation, cursor: str) -> None:
    filled.refuse("developer", "GET", "/api/v1/issues", 422, params={"cursor": cursor})


def test_private_projects_and_restricted_issues_are_not_found(filled: Installation) -> None:
    project = {"key": "SEC", "name": "Secret", "visibility": "private"}
    filled.call("project_manager", "POST", "/api/v1/projects", json=project)
    hidden = filled.call("project_manager", "POST", "/api/v1/issues", json={"project": "SEC", "title": "Zebra one"})
    body = {"project": "WEB", "title": "Zebra two", "restricted": True}
    restricted = filled.call("project_manager", "POST", "/api/v1/issues", json=body)
    assert keys(filled, "zebra") == []
    assert sorted(keys(filled, "zebra", role="project_manager")) == ["SEC-1", "WEB-5"]
    for issue in (hidden, restricted):
        for name in (issue["id"], issue["uuid"], issue["key"]):
            filled.refuse("developer", "GET", f"/api/v1/issues/{name}", 404)
    filled.refuse("developer", "GET", "/api/v1/projects/SEC", 404)


@given(query=st.text(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_query_breaks_the_server(filled: Installation, query: str) -> None:
    headers = filled.sign_in("developer")
    assert filled.client.get("/api/v1/issues", params={"q": query}, headers=headers).status_code in {200, 422}


def test_saved_searches_are_kept_shared_and_forgotten(filled: Installation) -> None:
    own = filled.call("tester", "POST", "/api/v1/saved-searches", json={"name": "Mine", "query": "is:open"})
    shared = {"name": "Ours", "query": "is:open", "project": "WEB"}
    filled.call("project_manager", "POST", "/api/v1/saved-searches", json=shared)
    assert [each["name"] for each in filled.call("tester", "GET", "/api/v1/saved-searches")] == ["Mine", "Ours"]
    filled.refuse("developer", "DELETE", f"/api/v1/saved-searches/{own['id']}", 404)
    filled.call("tester", "DELETE", f"/api/v1/saved-searches/{own['id']}")
    bad = {"name": "Bad", "query": "is:nonsense"}
    filled.refuse("tester", "POST", "/api/v1/saved-searches", 422, json=bad)
