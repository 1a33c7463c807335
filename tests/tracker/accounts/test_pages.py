from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from bugflow.app import create_app
from factories.app import PASSWORD, Installation, run_installation
from factories.browser import Browser
from factories.settings import build_settings


def test_who_is_not_signed_in_is_asked_to_and_brought_back(installation: Installation) -> None:
    browser = Browser(installation, None)
    asked = browser.get("/issues/7?x=1")
    assert asked.status_code == 303
    assert asked.headers["location"] == "/sign-in?next=%2Fissues%2F7%3Fx%3D1"
    assert 'name="next" value="/issues/7?x=1"' in browser.get(asked.headers["location"]).text
    signed = browser.submit("/sign-in", email="tester@example.com", password=PASSWORD, next="/issues/7?x=1")
    assert signed.headers["location"] == "/issues/7?x=1"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(installation: Installation) -> None:
    answer = Browser(installation, None).submit("/sign-in", email="tester@example.com", password=PASSWORD, next="/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_under_https_the_cookie_travels_encrypted_only(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", public_url="https://bugs.example.com") as running:
        answer = Browser(running, None).submit("/sign-in", email="tester@example.com", password=PASSWORD, next="/")
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("email", ["tester@example.com", "nobody@example.com", "", "<script>"])
def test_a_wrong_password_is_told_without_saying_who_exists(installation: Installation, email: str) -> None:
    answer = Browser(installation, None).submit("/sign-in", email=email, password="not it", next="/")
    assert answer.status_code == 401
    assert "The e-mail address or the password is wrong." in answer.text
    assert "<script>" not in answer.text
    assert "set-cookie" not in answer.headers


def test_guessing_is_slowed_down(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home", sign_in_attempts=2) as running:
        browser = Browser(running, None)
        answers = [browser.submit("/sign-in", email="tester@example.com", password="no", next="/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_signing_out_ends_the_session(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    assert browser.get("/issues").status_code == 200
    assert browser.submit("/sign-out").headers["location"] == "/sign-in"
    assert browser.get("/issues").status_code == 303


def test_a_new_password_ends_the_browsers_sessions(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    change = {"old_password": PASSWORD, "new_password": "another long password"}
    installation.call("tester", "POST", "/api/v1/users/me/password", json=change)
    assert browser.get("/issues").status_code == 303


@pytest.mark.parametrize("headers", [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/report", "/issues/1/comments"])
def test_another_sites_page_can_send_no_form(installation: Installation, path: str, headers: dict[str, str]) -> None:
    browser = Browser(installation, "tester")
    assert browser.send(path, {"title": "x", "project": "WEB"}, **headers).status_code == 403
    assert browser.get("/issues").status_code == 200


def test_an_old_browser_is_judged_by_the_origin(installation: Installation) -> None:
    browser = Browser(installation, "tester")
    body = {"title": "From afar", "project": "WEB"}
    headers = {"Cookie": browser.cookie, "Origin": "https://evil.example"}
    assert installation.client.post("/report", data=body, headers=headers).status_code == 403


def test_with_nobody_to_sign_in_the_page_says_how_to_add_the_first(database_url: str, tmp_path: Path) -> None:
    with TestClient(create_app(build_settings(tmp_path, database_url=database_url))) as client:
        page = client.get("/sign-in").text
    assert "bugflow user add" in page
    assert '<form action="/sign-in"' not in page
