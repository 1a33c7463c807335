"""An application on the test's database, with one user of each role and a project."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi.testclient import TestClient

from bugflow.app import create_app
from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.security.passwords import PasswordHasher
from bugflow.core.settings import Settings
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.service import create_user
from bugflow.tracker.projects.service import create_project
from factories.settings import build_settings

PASSWORD = "correct horse battery"


@dataclass
class Installation:
    """A running application and the people in it."""

    client: TestClient
    database: Database
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """What the application was built with."""
        found: Settings = self.client.app.state.settings  # type: ignore[attr-defined]
        return found

    def sign_in(self, role: str) -> dict[str, str]:
        """Return the headers of the user with this role, signing in once."""
        if role not in self.tokens:
            answer = self.client.post("/token", json={"username": f"{role}@example.com", "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            self.tokens[role] = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def call(self, role: str, method: str, path: str, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON.
        """Call as the user with this role and return the answer's JSON; anything but success fails the test."""
        answer = self.client.request(method, path, headers=self.sign_in(role), **arguments)
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.content else None

    def walk(self, role: str, path: str, *, limit: int) -> list[Any]:
        """Return the items of a list that is read page by page to its end."""
        items: list[Any] = []
        parameters: dict[str, Any] = {"limit": limit}
        while True:
            page = self.call(role, "GET", str(httpx.URL(path).copy_merge_params(parameters)))
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            parameters["cursor"] = page["next_cursor"]

    def refuse(self, role: str, method: str, path: str, status: int, **arguments: Any) -> Any:  # noqa: ANN401 -- JSON.
        """Call as the user with this role and return the problem details; any other status fails the test."""
        answer = self.client.request(method, path, headers=self.sign_in(role), **arguments)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()


@contextmanager
def run_installation(database_url: str, home: Path, **settings: Any) -> Iterator[Installation]:  # noqa: ANN401 -- Any setting.
    """Run an application with tester, developer, project manager, administrator and the project WEB."""
    app = create_app(build_settings(home, database_url=database_url, **settings))
    hasher: PasswordHasher = app.state.hasher
    system, now = build_system_actor("cli"), utc_now()
    with app.state.database.transaction() as session:
        for role in Role:
            create_user(
                session,
                email=f"{role}@example.com",
                name=role.replace("_", " ").title(),
                role=role,
                password_hash=hasher.hash(PASSWORD),
                actor=system,
                now=now,
            )
        create_project(session, key="WEB", name="WebApp", actor=system, now=now)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Installation(client=client, database=app.state.database)
