from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from pwdlib.hashers.bcrypt import BcryptHasher
from sqlalchemy import update

from bugflow.core.clock import utc_now
from bugflow.tracker.accounts.tables import ApiToken, User
from factories.app import PASSWORD, Installation, run_installation

ME = "/api/v1/users/me"
SECRET = "a-secret-of-the-tests-that-is-long-enough"


def ask(installation: Installation, token: str) -> int:
    return installation.client.get(ME, headers={"Authorization": f"Bearer {token}"}).status_code


def claims(installation: Installation, **changes: object) -> dict[str, object]:
    user = installation.call("admin", "GET", ME)
    now = datetime.now(UTC)
    good = {"iss": "bugflow", "aud": "bugflow-api", "sub": user["id"], "ver": 0, "jti": "1", "iat": now}
    return good | {"exp": now + timedelta(minutes=5)} | changes


def test_a_token_made_with_our_secret_is_good(installation: Installation) -> None:
    assert ask(installation, jwt.encode(claims(installation), SECRET, "HS256")) == 200


def test_a_token_signed_by_a_server_whose_clock_is_ahead_is_good(installation: Installation) -> None:
    ahead = datetime.now(UTC) + timedelta(seconds=30)
    assert ask(installation, jwt.encode(claims(installation, iat=ahead), SECRET, "HS256")) == 200


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_tokens_that_are_unsigned_altered_expired_or_signed_otherwise_are_refused(installation: Installation) -> None:
    good = jwt.encode(claims(installation), SECRET, "HS256")
    past = datetime.now(UTC) - timedelta(seconds=1)
    for token in (
        jwt.encode(claims(installation), "", "none"),
        jwt.encode(claims(installation), SECRET, "HS512"),
        jwt.encode(claims(installation), "another-secret-that-is-long-enough-too", "HS256"),
        jwt.encode(claims(installation, exp=past), SECRET, "HS256"),
        jwt.encode(claims(installation, ver=1), SECRET, "HS256"),
        jwt.encode(claims(installation, sub="1"), SECRET, "HS256"),
        jwt.encode(claims(installation, iss="other"), SECRET, "HS256"),
        jwt.encode(claims(installation, aud="another-service"), SECRET, "HS256"),
        good[:-3] + "AAA",
        "x.y.z",
        "",
        "bf_" + "A" * 43,
    ):
        assert ask(installation, token) == 401, token


def test_changing_the_password_ends_every_token(installation: Installation) -> None:
    signed_in = installation.client.post("/token", json={"username": "tester@example.com", "password": PASSWORD}).json()
    api_token = installation.call("tester", "POST", f"{ME}/tokens", json={"name": "ci", "scopes": ["read"]})["token"]
    assert [ask(installation, token) for token in (signed_in["access_token"], api_token)] == [200, 200]
    change = {"old_password": PASSWORD, "new_password": "another long password"}
    installation.call("tester", "POST", f"{ME}/password", json=change)
    assert [ask(installation, token) for token in (signed_in["access_token"], api_token)] == [401, 401]
    refresh = {"refresh_token": signed_in["refresh_token"]}
    assert installation.client.post("/api/v1/auth/refresh", json=refresh).status_code == 401


def test_a_refresh_token_works_once_and_its_second_use_ends_the_sign_in(installation: Installation) -> None:
    first = installation.client.post("/token", json={"username": "tester@example.com", "password": PASSWORD}).json()
    body = {"refresh_token": first["refresh_token"]}
    second = installation.client.post("/api/v1/auth/refresh", json=body)
    assert second.status_code == 200
    assert installation.client.post("/api/v1/auth/refresh", json=body).status_code == 401
    stolen = {"refresh_token": second.json()["refresh_token"]}
    assert installation.client.post("/api/v1/auth/refresh", json=stolen).status_code == 401


def test_an_api_token_does_only_what_its_scopes_say_until_it_ends(installation: Installation) -> None:
    made = installation.call("tester", "POST", f"{ME}/tokens", json={"name": "ci", "scopes": ["read"]})
    headers = {"Authorization": f"Bearer {made['token']}"}
    assert installation.client.get(ME, headers=headers).status_code == 200
    answer = installation.client.patch(ME, headers=headers, json={"name": "X"})
    assert (answer.status_code, "scope 'write'" in answer.json()["detail"]) == (403, True)
    with installation.database.transaction() as session:
        session.execute(update(ApiToken).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert installation.client.get(ME, headers=headers).status_code == 401


def test_a_bcrypt_hash_verifies_and_is_replaced(installation: Installation) -> None:
    old = BcryptHasher(rounds=4).hash("imported password")
    with installation.database.transaction() as session:
        session.execute(update(User).where(User.email == "tester@example.com").values(password_hash=old))
    credentials = {"username": "Tester@Example.com", "password": "imported password"}
    for _ in range(2):
        assert installation.client.post("/token", json=credentials).status_code == 200
    with installation.database.snapshot() as session:
        assert session.get_one(User, 1).password_hash.startswith("$argon2id$")  # type: ignore[union-attr]


def test_guessing_passwords_is_slowed_down_for_the_account(installation: Installation) -> None:
    wrong = {"username": "tester@example.com", "password": "wrong"}
    statuses = [installation.client.post("/token", json=wrong).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    answer = installation.client.post("/token", json={"username": "tester@example.com", "password": PASSWORD})
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)
    other = {"username": "developer@example.com", "password": PASSWORD}
    assert installation.client.post("/token", json=other).status_code == 200


def test_an_unknown_user_and_a_wrong_password_are_answered_alike(installation: Installation) -> None:
    answers = [
        installation.client.post("/token", json={"username": name, "password": "wrong"}).json()
        for name in ("tester@example.com", "nobody@example.com")
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"\xff\xfe"),
        ("application/json", b"[]"),
        ("application/json", b"null"),
        ("application/json", b'{"username": 1, "password": []}'),
        ("application/x-www-form-urlencoded", b"username=a"),
        ("multipart/form-data; boundary=x", b"garbage"),
        ("text/plain", b"hello"),
    ],
)
def test_credentials_that_cannot_be_read_are_refused(
    installation: Installation, content_type: str, body: bytes
) -> None:
    answer = installation.client.post("/token", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]


def test_the_hundred_and_first_request_of_a_minute_must_wait(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path, rate_limit_per_minute=100) as installation:
        headers = installation.sign_in("tester")
        statuses = [installation.client.get(ME, headers=headers).status_code for _ in range(101)]
        assert statuses == [200] * 100 + [429]
        answer = installation.client.get(ME, headers=headers)
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert installation.client.get(ME, headers=installation.sign_in("developer")).status_code == 200


def test_a_redis_that_is_gone_stops_no_request(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path, broker_url="redis://127.0.0.1:1/0") as installation:
        assert installation.call("tester", "GET", ME)["role"] == "tester"


def test_only_administrators_make_users_and_the_last_of_them_stays(installation: Installation) -> None:
    new = {"email": "new@example.com", "name": "New", "role": "tester", "password": "long enough"}
    installation.refuse("project_manager", "POST", "/api/v1/users", 403, json=new)
    made = installation.call("admin", "POST", "/api/v1/users", json=new)
    installation.refuse("admin", "POST", "/api/v1/users", 409, json=new)
    installation.refuse("admin", "POST", "/api/v1/users", 422, json=new | {"email": "b@example.com", "password": "x"})
    installation.refuse("admin", "PATCH", "/api/v1/users/admin@example.com", 409, json={"role": "tester"})
    assert installation.call("admin", "PATCH", f"/api/v1/users/{made['id']}", json={"is_active": False})["id"]


def test_nobody_raises_their_own_role(installation: Installation) -> None:
    installation.refuse("tester", "PATCH", "/api/v1/users/tester@example.com", 403, json={"role": "admin"})
    installation.call("tester", "PATCH", ME, json={"name": "T", "role": "admin"})
    assert installation.call("tester", "GET", ME)["role"] == "tester"
