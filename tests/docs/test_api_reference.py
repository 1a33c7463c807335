"""docs/reference/api.md against the running application: every call, who may make it, what it does."""

import re
from pathlib import Path
from typing import Any

import pytest

from bugflow.core.http.openapi import iterate_operations
from factories.app import PASSWORD, Installation
from factories.packs import pack_files

REFERENCE = Path(__file__).parents[2] / "docs/reference/api.md"
ROW = re.compile(r"^\| `(?P<method>[A-Z]+) (?P<path>\S+)` \| (?P<who>[^|]+) \| (?P<what>[^|]+) \|$", re.MULTILINE)
ROLES = ("tester", "developer", "project_manager", "admin")
FIRST_ROLE = {"signed in": 0, "Developer": 1, "Project Manager": 2, "Admin": 3}

DATES = {"starts_on": "2026-11-02", "ends_on": "2026-11-15"}
CREDENTIALS = {"username": "tester@example.com", "password": PASSWORD}
BODIES: dict[str, dict[str, Any]] = {
    "POST /token": CREDENTIALS,
    "POST /api/v1/auth/refresh": {"refresh_token": "none"},
    "POST /api/v1/auth/sign-out": {"refresh_token": "none"},
    "POST /predict": {"description": "It fails.", "project": "WEB"},
    "POST /report_bug": {"description": "It fails."},
    "POST /update_bug": {"bug_id": 2, "status": "closed"},
    "POST /api/v1/issues": {"project": "WEB", "title": "It fails"},
    "PATCH /api/v1/issues/{issue}": {"title": "It fails always"},
    "PATCH /api/v1/issues/bulk": {"issues": [1], "changes": {"title": "It fails again"}},
    "POST /api/v1/issues/{issue}/comments": {"body": "Seen"},
    "PATCH /api/v1/issues/{issue}/comments/{comment_id}": {"body": "Seen twice"},
    "POST /api/v1/issues/{issue}/relations": {"kind": "blocks", "target": 2},
    "POST /api/v1/issues/{issue}/merge": {"into": 2},
    "POST /api/v1/issues/{issue}/not-duplicates": {"other": 2},
    "POST /api/v1/duplicates/preview": {"project": "WEB", "title": "It fails"},
    "POST /api/v1/saved-searches": {"name": "Other", "query": "is:open"},
    "POST /api/v1/projects": {"key": "NEW", "name": "New"},
    "PATCH /api/v1/projects/{project}": {"description": "The shop"},
    "POST /api/v1/projects/{project}/teams": {"name": "Night shift"},
    "POST /api/v1/projects/{project}/severities": {"name": "Blocker", "rank": 5},
    "POST /api/v1/projects/{project}/components": {"name": "Checkout"},
    "POST /api/v1/projects/{project}/backtests": {"duplicates": False},
    "POST /api/v1/teams": {"name": "Design"},
    "PATCH /api/v1/teams/{number}": {"name": "Server"},
    "POST /api/v1/severities": {"name": "Fatal", "rank": 9},
    "PATCH /api/v1/severities/{number}": {"name": "Tiny"},
    "PATCH /api/v1/components/{number}": {"name": "Basket"},
    "POST /api/v1/projects/{project}/sprints": {"name": "Two", **DATES},
    "PATCH /api/v1/sprints/{sprint}": {"goal": "Ship"},
    "POST /api/v1/sprints/{sprint}/start": {},
    "POST /api/v1/sprints/{sprint}/complete": {"unfinished": "backlog"},
    "POST /api/v1/sprints/{sprint}/issues": {"issues": [1]},
    "POST /api/v1/sprints/{sprint}/issues/remove": {"issues": [1]},
    "POST /api/v1/users": {"email": "new@example.com", "name": "New", "role": "tester", "password": PASSWORD},
    "PATCH /api/v1/users/me": {"name": "Somebody"},
    "POST /api/v1/users/me/password": {"old_password": PASSWORD, "new_password": PASSWORD},
    "POST /api/v1/users/me/tokens": {"name": "Script", "scopes": ["read"]},
    "PATCH /api/v1/users/{user}": {"name": "Somebody"},
    "POST /api/v1/users/{user}/password": {"new_password": PASSWORD},
    "PUT /api/v1/models/{model_type}/switch": {"on": True, "reason": "It is good."},
    "POST /api/v1/notifications/read": {"up_to": 1},
    "PUT /api/v1/notifications/preferences": {},
    "POST /api/v1/models/trainings": {"task": "severity"},
    "POST /api/v1/models/{model_type}/promote": {"version": "1.0.0"},
}
"""A body that is taken for every call that takes JSON, so that who is refused is refused for who they are."""
FORMS: dict[str, dict[str, Any]] = {
    "POST /api/v1/issues/{issue}/attachments": {"files": {"file": ("b.txt", b"x")}},
    "POST /api/v1/imports": {"data": {"source": "github"}, "files": {"files": ("a.json", b"[]")}},
    "POST /api/v1/models/import": {"files": {"file": ("model.zip", pack_files().getvalue())}},
    "GET /api/v1/models/{model_type}/compare": {"params": {"a": "1.0.0", "b": "1.1.0"}},
}

READ = ROW.findall(REFERENCE.read_text())


@pytest.fixture
def described(installation: Installation) -> dict[str, str]:
    """What the application says of itself: what each call does."""
    description = installation.client.get("/openapi.json").json()
    operations = iterate_operations(description)
    return {f"{method} {path}": " ".join(each["description"].split()) for method, path, each in operations}


@pytest.fixture
def names(installation: Installation) -> dict[str, object]:
    """Something of everything, and what it is called in paths."""
    for title in ("First", "Second"):
        installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": title})
    installation.call("tester", "POST", "/api/v1/issues/1/comments", json={"body": "Seen"})
    sprint = installation.call("admin", "POST", "/api/v1/projects/WEB/sprints", json={"name": "One", **DATES})
    saved = installation.call("tester", "POST", "/api/v1/saved-searches", json={"name": "Mine", "query": "is:open"})
    file = installation.call("tester", "POST", "/api/v1/issues/1/attachments", files={"file": ("a.txt", b"x")})
    sent = installation.call("admin", "POST", "/api/v1/imports", **FORMS["POST /api/v1/imports"])
    return {
        "issue": 1,
        "other": 2,
        "project": "WEB",
        "user": "tester@example.com",
        "number": 1,
        "comment_id": 1,
        "relation_id": 1,
        "run_id": "00000000-0000-4000-8000-000000000000",
        "training_id": "00000000-0000-4000-8000-000000000000",
        "token": "none",
        "sprint": sprint["id"],
        "search": saved["id"],
        "attachment": file["id"],
        "import_id": sent["id"],
        "model_type": "severity",
        "version": "1.0.0",
        "backtest_id": "00000000-0000-4000-8000-000000000000",
    }


def test_the_reference_lists_every_call_in_the_words_of_the_code(described: dict[str, str]) -> None:
    assert {f"{method} {path}": what for method, path, _, what in READ} == described
    assert len(READ) == len(described)


def test_the_reference_says_who_may_make_each_call(installation: Installation, names: dict[str, object]) -> None:
    wrong = []
    for method, path, who, _ in sorted(READ, key=lambda row: row[0] == "DELETE"):  # What is deleted is tried last.
        for status, role, allowed in _try(installation, names, f"{method} {path}", who):
            if allowed is (status in {401, 403}):
                wrong.append(f"{method} {path}, for {who}: {role} got {status}")
    assert not wrong, "\n".join(wrong)


def _try(installation: Installation, names: dict[str, object], call: str, who: str) -> list[tuple[int, str, bool]]:
    method, template = call.split()
    path = template.format_map(names)
    arguments: dict[str, Any] = FORMS.get(call, {"json": BODIES[call]} if call in BODIES else {})
    nobody = installation.client.request(method, path, **arguments).status_code
    if who == "anybody":  # Signing in and refreshing answer 401 to what is wrong, not to who asks.
        return [(nobody, "nobody", True)] if "/auth/" not in template else []
    first = FIRST_ROLE[who]
    tried = [(nobody, "nobody", False)]
    for number, role in enumerate(ROLES[: first + 1]):
        answer = installation.client.request(method, path, headers=installation.sign_in(role), **arguments)
        tried.append((answer.status_code, role, number == first))
        if number == first and answer.status_code == 422:
            pytest.fail(f"{call} was not tried: {answer.text}")
    if template.endswith("/password"):
        installation.tokens.clear()  # A new password signs out everywhere.
    return tried
