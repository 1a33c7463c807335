"""Input that is malformed, oversized, wrongly encoded or meant to do harm: refused clearly, or kept as plain text."""

import csv
import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from bugflow.tracker.issues.attachments import clean_filename
from bugflow.tracker.issues.tables import Issue
from factories.app import PASSWORD, Installation, run_installation

ISSUES = "/api/v1/issues"
REPORT = {"project": "WEB", "title": "It fails"}
DEEP = "[" * 100_000


def report(installation: Installation, **fields: object) -> dict[str, Any]:
    made: dict[str, Any] = installation.call("tester", "POST", ISSUES, json=REPORT | fields)
    return made


def send(installation: Installation, body: bytes, path: str = ISSUES, **headers: str) -> Any:  # noqa: ANN401 -- httpx' answer.
    sent = installation.sign_in("tester") | {"Content-Type": "application/json"} | headers
    return installation.client.post(path, content=body, headers=sent)


def assert_refused(answer: Any, *statuses: int) -> None:  # noqa: ANN401 -- httpx' answer.
    assert answer.status_code in statuses, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10
    assert "Traceback" not in answer.text


NO_OBJECTS = [
    b"",
    b"{",
    b"null",
    b"true",
    b"[]",
    b'"text"',
    b"{'title': 'x'}",
    b"\x00",
    b"\xff\xfe\xfd",
    b'{"description": "\xe9"}',
    DEEP.encode(),
    b'{"description": ' + DEEP.encode() + b"}",
    b'{"description": 1' + b"0" * 5000 + b"}",
    b"title=It+fails",
]


@pytest.mark.parametrize("path", [ISSUES, "/report_bug", "/update_bug", "/token", "/api/v1/issues/bulk"])
def test_a_body_that_is_no_object_of_json_is_refused_with_a_reason(installation: Installation, path: str) -> None:
    method = "PATCH" if path.endswith("/bulk") else "POST"
    headers = installation.sign_in("tester") | {"Content-Type": "application/json"}
    for body in NO_OBJECTS:
        assert_refused(installation.client.request(method, path, content=body, headers=headers), 400, 422)


def test_text_in_another_encoding_is_refused_or_read_as_what_it_is(installation: Installation) -> None:
    title = "Prüfung schlägt fehl"
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1"):
        answer = send(installation, json.dumps(REPORT | {"title": title}, ensure_ascii=False).encode(encoding))
        if answer.status_code == 201:
            assert answer.json()["title"] == title
        else:
            assert_refused(answer, 400, 422)


IMPOSSIBLE_FIELDS = [
    '"title": "\\ud800 alone"',
    '"title": "It fails", "description": "half \\udfff"',
    '"title": "NUL \\u0000 inside"',
    '"title": "It fails", "environment": "\\u0000"',
    '"title": "It fails", "labels": ["\\ud83d"]',
    '"title": "It fails", "labels": ["a\\u0000b"]',
    '"title": "It fails", "story_points": NaN',
    '"title": "It fails", "story_points": Infinity',
    '"title": "It fails", "estimated_hours": 1e999',
    '"title": "It fails", "estimated_hours": -1e-300',
    '"title": "It fails", "story_points": "\\u0663"',
    '"title": "It fails", "due_on": "0000-00-00"',
    '"title": "It fails", "due_on": 1e18',
    '"title": "It fails", "assignee": 99999999999999999999999999',
    '"title": "It fails", "assignee": -1',
    '"title": "It fails", "assignee": "\\u0000"',
    '"title": "It fails", "severity": "high\\u0000"',
    '"title": "   \\u200b "',
    '"title": "' + "x" * 501 + '"',
    '"title": "It fails", "labels": [' + ",".join(f'"{number}"' for number in range(51)) + "]",
    '"title": "It fails", "isAdmin": true',
    '"title": "It fails", "id": 7',
    '"title": "It fails", "reporter": "admin@example.com"',
]


def test_a_value_that_cannot_be_kept_is_refused_and_nothing_is_stored(installation: Installation) -> None:
    for fields in IMPOSSIBLE_FIELDS:
        assert_refused(send(installation, f'{{"project": "WEB", {fields}}}'.encode()), 400, 422)
    assert installation.call("tester", "GET", ISSUES)["items"] == []


BODIES_WITH_NUL: list[tuple[str, dict[str, object]]] = [
    ("/api/v1/projects", {"key": "NEW", "name": "a\0b"}),
    ("/api/v1/projects", {"key": "NEW", "name": "New", "description": "a\0b"}),
    ("/api/v1/projects/WEB/components", {"name": "a\0b"}),
    ("/api/v1/teams", {"name": "a\0b"}),
    ("/api/v1/severities", {"name": "a\0b", "rank": 7}),
    ("/api/v1/saved-searches", {"name": "a\0b", "query": "is:open"}),
    ("/api/v1/saved-searches", {"name": "Mine", "query": "a\0b"}),
    ("/api/v1/projects/WEB/sprints", {"name": "a\0b", "starts_on": "2026-11-02", "ends_on": "2026-11-15"}),
    ("/api/v1/users/me/tokens", {"name": "a\0b", "scopes": ["read"]}),
    ("/api/v1/users", {"email": "a\0b@example.com", "name": "New", "role": "tester", "password": PASSWORD}),
]


def test_a_nul_is_refused_by_either_database(installation: Installation) -> None:
    for path, body in BODIES_WITH_NUL:
        installation.refuse("admin", "POST", path, 422, json=body)


def test_of_a_key_given_twice_the_last_counts(installation: Installation) -> None:
    answer = send(installation, b'{"project": "WEB", "title": "First", "title": "Second"}')
    assert (answer.status_code, answer.json()["title"]) == (201, "Second")


def test_a_name_that_leads_to_no_issue_is_not_found(installation: Installation) -> None:
    report(installation)
    for name in ("0", "-1", "2147483648", "9" * 40, "1e3", "٣", "%00", "..%2f..", "' OR 1=1 --"):
        answer = installation.client.get(f"{ISSUES}/{name}", headers=installation.sign_in("tester"))
        assert_refused(answer, 404, 422)


def test_a_page_that_cannot_be_is_refused(installation: Installation) -> None:
    for query in ("limit=0", "limit=1e9", "limit=99999999999999999999", "cursor=%00", "cursor=e30", "cursor=%ff"):
        answer = installation.client.get(f"{ISSUES}?{query}", headers=installation.sign_in("tester"))
        assert_refused(answer, 400, 422)


def test_compressed_bodies_and_false_lengths_are_refused(installation: Installation) -> None:
    bomb = zlib.compress(b"0" * 10_000_000)
    assert_refused(send(installation, bomb, **{"Content-Encoding": "deflate"}), 415)
    assert_refused(send(installation, b"{}", **{"Content-Length": "-5"}), 400)
    assert_refused(send(installation, b"{}", **{"Content-Length": "9" * 30}), 400)


CODE_ELSEWHERE = (
    "'; DROP TABLE issues; --",
    "%_\\",
    '" OR ""="',
    "{{7*7}}",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
)


def test_text_that_is_code_elsewhere_is_kept_and_found_as_text(installation: Installation) -> None:
    for text in CODE_ELSEWHERE:
        made = report(installation, title=text, description=text, labels=[text], environment=text)
        read = installation.call("developer", "GET", f"{ISSUES}/{made['id']}")
        assert (read["title"], read["description"], read["labels"]) == (text, text, [text])
        for query in (text, f'"{text}"', f"label:{text}"):
            answer = installation.client.get(ISSUES, params={"q": query}, headers=installation.sign_in("tester"))
            assert answer.status_code in {200, 422}
    assert len(installation.call("tester", "GET", ISSUES)["items"]) == len(CODE_ELSEWHERE)


def test_a_formula_in_a_title_is_text_in_every_csv(installation: Installation) -> None:
    for formula in ("=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "|calc"):
        report(installation, title=formula, description=formula, labels=[formula])
    exported = installation.client.get(f"{ISSUES}/export?format=csv", headers=installation.sign_in("project_manager"))
    audit = installation.client.get("/api/v1/audit/export?format=csv", headers=installation.sign_in("admin"))
    for answer in (exported, audit):
        assert answer.status_code == 200
        cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t", "\r")) or cell[:2] == "-2"]
    assert "HYPERLINK" in exported.text


FILE_NAMES = {
    "../../etc/passwd": "passwd",
    "..\\..\\windows\\win.ini": "win.ini",
    "/etc/shadow": "shadow",
    "C:\\CON": "_CON",
    "nul.txt": "_nul.txt",
    "....": "file",
    "a\x00b.txt": "ab.txt",
    "report\u202egpj.exe.txt": "reportgpj.exe.txt",
    'quote".txt': 'quote".txt',
    "line\r\nX-Evil: 1.txt": "lineX-Evil: 1.txt",
    "<img src=x>.txt": "<img src=x>.txt",
    "ü 名.txt": "ü 名.txt",
}


@pytest.mark.parametrize("given", FILE_NAMES)
def test_a_file_name_is_one_printable_part_of_a_path(given: str) -> None:
    assert clean_filename(given) == FILE_NAMES[given]


def test_a_file_name_leads_nowhere_and_hides_nothing(database_url: str, tmp_path: Path) -> None:
    with run_installation(database_url, tmp_path / "home") as installation:
        path = f"{ISSUES}/{report(installation)['key']}/attachments"
        before = {each for each in tmp_path.rglob("*") if "files" not in each.parts}
        for given, kept in FILE_NAMES.items():
            if set(given) & {"\0", "\r"}:  # No form carries these.
                continue
            made = attach(installation, path, given, b"content")
            assert made["filename"] == kept
            answer = installation.client.get(f"{path}/{made['id']}", headers=installation.sign_in("tester"))
            assert (answer.status_code, answer.content) == (200, b"content")
            assert not [each for each in (tmp_path / "home" / "files").rglob("*") if kept in each.name]
        assert {each for each in tmp_path.rglob("*") if "files" not in each.parts} == before


def attach(installation: Installation, path: str, name: str, content: bytes) -> dict[str, Any]:
    """Attach a file under exactly this name: clients escape what they hold to be harmful."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    head = f'--limit\r\nContent-Disposition: form-data; name="file"; filename="{escaped}"\r\n\r\n'
    body = head.encode() + content + b"\r\n--limit--\r\n"
    headers = installation.sign_in("tester") | {"Content-Type": "multipart/form-data; boundary=limit"}
    answer = installation.client.post(path, content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_name_beyond_every_limit_is_cut_and_keeps_its_ending(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}/attachments"
    made = attach(installation, path, "ü" * 1000 + ".log", b"content")
    assert made["filename"].endswith(".log")
    assert len(made["filename"]) <= 200


def zip_bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"{number}.txt", b"0" * 20_000_000)
    return packed.getvalue()


def image_bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 12_501_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("name", "build"), [("logs.zip", zip_bomb), ("screen.png", image_bomb)])
def test_a_bomb_is_kept_as_it_is_and_never_unpacked(installation: Installation, name: str, build: Any) -> None:  # noqa: ANN401 -- A function.
    content = build()
    assert len(content) < 1_000_000
    path = f"{ISSUES}/{report(installation)['key']}/attachments"
    made = attach(installation, path, name, content)
    assert made["size_bytes"] == len(content)
    answer = installation.client.get(f"{path}/{made['id']}", headers=installation.sign_in("developer"))
    assert answer.content == content
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    wanted = "inline" if name.endswith(".png") else "attachment"
    assert answer.headers["content-disposition"] == f"{wanted}; filename*=UTF-8''{name}"


def test_what_a_browser_could_run_is_only_downloaded(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}/attachments"
    for name in ("page.html", "page.svg", "page.xhtml", "page.xml", "page.js", "page.pdf", "page"):
        made = attach(installation, path, name, b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
        headers = installation.client.get(f"{path}/{made['id']}", headers=installation.sign_in("tester")).headers
        assert headers["content-disposition"].startswith("attachment;")
        assert headers["x-content-type-options"] == "nosniff"
        assert not headers["content-type"].startswith(("text/html", "image/svg", "text/xml", "application/xhtml"))


NO_UPLOADS = [
    b"",
    b"--limit",
    b"--limit\r\n\r\nx",
    b'--limit\r\nContent-Disposition: form-data; name="other"\r\n\r\nx\r\n--limit--\r\n',
    b'--limit\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--limit--\r\n',
    b'--limit\r\nContent-Disposition: form-data; name="file"; filename="a\xff.txt"\r\n\r\n\r\n--limit--\r\n',
    b"--limit\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--limit--\r\n",
]


def test_an_upload_that_is_none_is_refused(installation: Installation) -> None:
    path = f"{ISSUES}/{report(installation)['key']}/attachments"
    for body in NO_UPLOADS:
        answer = send(installation, body, path, **{"Content-Type": "multipart/form-data; boundary=limit"})
        assert_refused(answer, 400, 422)
    assert installation.call("tester", "GET", path) == []


@pytest.fixture
def private(installation: Installation) -> dict[str, Any]:
    """An issue, with everything on it, of a project that only its manager and administrators see."""
    project = {"key": "SEC", "name": "Secret", "visibility": "private"}
    installation.call("admin", "POST", "/api/v1/projects", json=project)
    issue = installation.call("admin", "POST", ISSUES, json={"project": "SEC", "title": "Hidden"})
    path = f"{ISSUES}/{issue['key']}"
    installation.call("admin", "POST", f"{path}/comments", json={"body": "Hidden too"})
    file = installation.call("admin", "POST", f"{path}/attachments", files={"file": ("a.txt", b"x")})
    dates = {"name": "One", "starts_on": "2026-11-02", "ends_on": "2026-11-15"}
    sprint = installation.call("admin", "POST", "/api/v1/projects/SEC/sprints", json=dates)
    return {"issue": issue, "file": file["id"], "sprint": sprint["id"]}


@pytest.mark.parametrize("role", ["tester", "developer", "project_manager"])
def test_what_is_anothers_private_does_not_exist(
    installation: Installation, private: dict[str, Any], role: str
) -> None:
    own = report(installation)
    for name in (private["issue"]["id"], private["issue"]["uuid"], private["issue"]["key"]):
        path = f"{ISSUES}/{name}"
        for method, rest, body in (
            ("GET", "", None),
            ("PATCH", "", {"title": "Mine"}),
            ("GET", "/comments", None),
            ("POST", "/comments", {"body": "I was here"}),
            ("PATCH", "/comments/1", {"body": "x"}),
            ("DELETE", "/comments/1", None),
            ("GET", "/history", None),
            ("GET", "/relations", None),
            ("GET", "/watchers", None),
            ("PUT", "/watch", None),
            ("GET", "/attachments", None),
            ("GET", f"/attachments/{private['file']}", None),
        ):
            arguments = {} if body is None else {"json": body}
            installation.refuse(role, method, path + rest, 404, **arguments)
        installation.refuse(role, "POST", "/update_bug", 404, json={"bug_id": name, "status": "closed"})
        bulk = {"issues": [own["id"], name], "changes": {"title": "x"}}
        installation.refuse(role, "PATCH", f"{ISSUES}/bulk", 404, json=bulk)
        relation = {"kind": "relates_to", "target": name}
        installation.refuse(role, "POST", f"{ISSUES}/{own['id']}/relations", 404, json=relation)
    for path in ("/api/v1/projects/SEC", "/api/v1/projects/SEC/members", f"/api/v1/sprints/{private['sprint']}"):
        installation.refuse(role, "GET", path, 404)
    installation.refuse(role, "POST", "/report_bug", 404, json={"description": "x", "project": "SEC"})
    installation.refuse(role, "GET", f"{ISSUES}/{own['id']}/attachments/{private['file']}", 404)
    for query in ("Hidden", "project:SEC", private["issue"]["key"]):
        answer = installation.client.get(ISSUES, params={"q": query}, headers=installation.sign_in(role))
        assert "Hidden" not in answer.text
    with installation.database.snapshot() as session:
        hidden = session.get_one(Issue, private["issue"]["id"])
        assert (hidden.title, hidden.status, hidden.version) == ("Hidden", "open", 1)


NO_TOKENS = [
    "Bearer",
    "Bearer ",
    "Bearer null",
    "Basic dGVzdGVyOnRlc3Rlcg==",
    "Bearer a.b.c.d",
    "Bearer " + "x" * 9000,
    "Bearer eyJhbGciOiJub25lIn0.e30.",
    "Bearer bf_",
    "Bearer bf_" + "é" * 10,
    "bearer\tx",
]


def test_a_token_that_is_none_signs_nobody_in(installation: Installation) -> None:
    for header in NO_TOKENS:
        headers = {b"Authorization": header.encode()}
        answer = installation.client.get("/api/v1/users/me", headers=headers)
        assert_refused(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_no_words_open_the_sign_in(installation: Installation) -> None:
    for word in ("' OR '1'='1", "admin@example.com' --", "*", "a" * 255, "admin@example.com\0", "\ud800"):
        for username, password in ((word, PASSWORD), ("admin@example.com", word)):
            body = json.dumps({"username": username, "password": password}).encode()
            answer = installation.client.post("/token", content=body, headers={"Content-Type": "application/json"})
            assert_refused(answer, 400, 401, 422, 429)
