import hashlib
import io
import json
import os
import random
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, func, make_url, select, text

from bugflow.app import create_app
from bugflow.core.database import Database, open_database
from bugflow.core.storage import open_storage
from bugflow.core.storage.memory import MemoryStorage
from bugflow.migrations.tables import METADATA
from bugflow.operation.backup import restoring
from bugflow.operation.backup.errors import (
    BackupExistsError,
    BackupNotWrittenError,
    DamagedBackupError,
    InUseError,
    NewerBackupError,
    NoRoomError,
    NotEmptyError,
)
from bugflow.operation.backup.format import MANIFEST, kind_of, type_of
from bugflow.operation.backup.restoring import restore_backup
from bugflow.operation.backup.verifying import verify_backup
from bugflow.operation.backup.writing import write_backup
from factories.app import Installation
from factories.settings import build_settings, server_url

POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"


@pytest.fixture
def filled(installation: Installation) -> Installation:
    """An installation with a little of everything, also of what is hard to carry."""
    report: dict[str, Any] = {
        "project": "WEB",
        "title": "Zeppelin ✈ 'quoted' \"twice\" \\n \u2028",
        "description": "Line\nline\ttab",
        "severity": "high",
        "labels": ["a", "ü"],
        "due_on": "2026-12-24",
        "story_points": 2.5,
    }
    for number in range(3):
        installation.call("tester", "POST", "/api/v1/issues", json=report | {"title": f"{report['title']} {number}"})
    installation.call("tester", "POST", "/api/v1/issues/1/comments", json={"body": "Seen by @developer@example.com"})
    installation.call("project_manager", "PATCH", "/api/v1/issues/1", json={"version": 1, "status": "in_progress"})
    installation.call("developer", "POST", "/api/v1/issues/2/relations", json={"kind": "blocks", "target": 1})
    files = {"file": ("log.txt", b"boom" * 1000)}
    installation.call("tester", "POST", "/api/v1/issues/1/attachments", files=files)
    correction = {"bug_id": 2, "correction_severity": "critical"}
    installation.call("project_manager", "POST", "/update_bug", json=correction)
    installation.call("project_manager", "POST", "/api/v1/issues/3/merge", json={"into": 1})
    return installation


def dump(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.snapshot() as session:
        return {
            table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for table in METADATA.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'restored' / 'bugflow.db'}"
        return
    server = create_engine(server_url() or POSTGRESQL, isolation_level="AUTOCOMMIT")
    name = f"bugflow_restored_{uuid4().hex}"
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    yield make_url(POSTGRESQL).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    server.dispose()


def back_up(installation: Installation, path: Path) -> Path:
    write_backup(installation.database, installation.client.app.state.storage, path)  # type: ignore[attr-defined]
    return path


def test_a_backup_restores_every_row_and_file_in_either_database(
    filled: Installation, empty_url: str, tmp_path: Path
) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    before = dump(filled.database)
    storage = MemoryStorage()
    manifest = restore_backup(file, empty_url, storage)
    restored = open_database(empty_url)
    assert dump(restored) == before
    assert sum(len(rows) for rows in before.values()) == sum(each.rows or 0 for each in manifest.members.values())
    [key] = storage.list_keys()
    assert b"".join(storage.read(key)) == b"boom" * 1000
    restored.dispose()


def test_a_restored_installation_works_on(filled: Installation, empty_url: str, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    home = tmp_path / "second"
    settings = build_settings(home, database_url=empty_url)
    restore_backup(file, empty_url, open_storage(settings.resolved_storage_url))
    with TestClient(create_app(settings)) as client:
        second = Installation(client=client, database=client.app.state.database)  # type: ignore[attr-defined]
        found = second.call("tester", "GET", "/api/v1/issues?q=zeppelin")["items"]
        assert {issue["id"] for issue in found} == {1, 2, 3}
        made = second.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": "The next"})
        assert (made["id"], made["key"]) == (4, "WEB-4")
        [attached] = second.call("tester", "GET", "/api/v1/issues/1/attachments")
        path = f"/api/v1/issues/1/attachments/{attached['id']}"
        assert client.get(path, headers=second.sign_in("tester")).content == b"boom" * 1000
    with pytest.raises(Exception, match="append-only"), second.database.transaction() as session:
        session.execute(text("DELETE FROM audit_entries"))
    second.database.dispose()


def test_a_backup_is_of_one_moment_while_people_work(filled: Installation, tmp_path: Path) -> None:
    stop = threading.Event()
    headers = filled.sign_in("tester")

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            body = {"project": "WEB", "title": f"During {number}"}
            filled.client.post("/api/v1/issues", json=body, headers=headers)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        files = [back_up(filled, tmp_path / f"{number}.backup") for number in range(3)]
    finally:
        stop.set()
        worker.join()
    for number, file in enumerate(files):
        url = f"sqlite:///{tmp_path / f'{number}.db'}"
        restore_backup(file, url, MemoryStorage())
        database = open_database(url)
        rows = dump(database)
        assert len(rows["issues"]) == len([row for row in rows["audit_entries"] if "issue.reported" in row])
        assert len(rows["issues"]) == rows["projects"][0][6] or len(rows["issues"]) in rows["projects"][0]
        database.dispose()


def test_a_backup_is_readable_by_its_owner_only_and_never_overwritten(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    with pytest.raises(BackupExistsError):
        back_up(filled, file)
    assert file.read_bytes() == before
    assert list(tmp_path.glob("*.partial")) + list(tmp_path.glob(".*.partial")) == []


def test_any_changed_byte_is_noticed(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    whole = file.read_bytes()
    names = zipfile.ZipFile(io.BytesIO(whole)).namelist()
    chance = random.Random(7)  # noqa: S311 -- Reproducible damage.
    damaged = tmp_path / "damaged"
    unnoticed = 0
    for _ in range(60):
        position = chance.randrange(len(whole))
        damaged.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            manifest = verify_backup(damaged)
        except DamagedBackupError:
            continue
        unnoticed += 1  # A byte that means nothing, such as a member's date: what is restored is the same.
        assert sorted(manifest.members) == sorted(set(names) - {MANIFEST})
    assert unnoticed < 20


def test_a_bit_that_marks_a_member_as_encrypted_is_noticed(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    whole = file.read_bytes()
    entries = [found.start() for found in re.finditer(re.escape(b"PK\x01\x02"), whole)]
    assert len(entries) > 10
    for entry in entries:  # Eight bytes on are the flags.
        file.write_bytes(whole[: entry + 8] + bytes([whole[entry + 8] | 1]) + whole[entry + 9 :])
        with pytest.raises(DamagedBackupError):
            verify_backup(file)


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_backup_is_refused(filled: Installation, tmp_path: Path, part: float) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(DamagedBackupError, match="Nothing was changed"):
        restore_backup(file, f"sqlite:///{tmp_path / 'restored.db'}", MemoryStorage())
    assert not (tmp_path / "restored.db").exists()


def rewrite(file: Path, change: dict[str, bytes | None], manifest_change: dict[str, Any] | None = None) -> Path:
    """Write a backup anew as somebody hostile would: with other members and a manifest that fits."""
    out = file.with_name("hostile.backup")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        members = {name: old.read(name) for name in old.namelist()} | change
        manifest = json.loads(members[MANIFEST] or b"") | (manifest_change or {})
        for name, content in members.items():
            if name == MANIFEST or content is None:
                continue
            new.writestr(name, content)
            rows = manifest["members"].get(name, {}).get("rows")
            digest = hashlib.sha256(content).hexdigest()
            manifest["members"][name] = {"size_bytes": len(content), "sha256": digest, "rows": rows}
        manifest["members"] = {name: manifest["members"][name] for name in new.namelist()}
        written = json.dumps(manifest).encode()
        new.writestr(MANIFEST, written)
        new.comment = hashlib.sha256(written).hexdigest().encode()
    return out


@pytest.mark.parametrize(
    "name", ["files/../../evil", "/etc/passwd", "files//x", "tables/users_x.jsonl", "files/.hidden"]
)
def test_a_member_that_leads_elsewhere_is_refused(filled: Installation, tmp_path: Path, name: str) -> None:
    hostile = rewrite(back_up(filled, tmp_path / "flow.backup"), {name: b"x"})
    with pytest.raises(DamagedBackupError, match="no backup has"):
        restore_backup(hostile, f"sqlite:///{tmp_path / 'restored.db'}", MemoryStorage())


def test_a_backup_of_a_newer_version_is_refused(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    for newer in ({"schema_version": "9999"}, {"format": 2}):
        with pytest.raises(NewerBackupError, match="Install that version"):
            verify_backup(rewrite(file, {}, newer))


def test_a_member_that_unpacks_to_more_than_it_says_is_not_unpacked(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    hostile = rewrite(file, {"files/bomb": b"\0" * 50_000_000})
    with zipfile.ZipFile(hostile) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    manifest["members"]["files/bomb"]["size_bytes"] = 100
    with pytest.raises(DamagedBackupError, match="is not what was written"):
        verify_backup(_with_manifest(hostile, manifest))


def _with_manifest(file: Path, manifest: dict[str, Any]) -> Path:
    out = file.with_name("manifest.backup")
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name != MANIFEST:
                new.writestr(name, old.read(name))
        written = json.dumps(manifest).encode()
        new.writestr(MANIFEST, written)
        new.comment = hashlib.sha256(written).hexdigest().encode()
    return out


def test_a_row_that_refers_to_nothing_restores_nothing(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    with zipfile.ZipFile(file) as archive:
        projects = archive.read("tables/projects.jsonl").splitlines(keepends=True)
    hostile = rewrite(file, {"tables/projects.jsonl": projects[0]})
    target = tmp_path / "restored.db"
    with pytest.raises(Exception, match=r"FOREIGN KEY|refers to"):
        restore_backup(hostile, f"sqlite:///{target}", MemoryStorage())
    assert list(tmp_path.glob("restored*")) == []


def test_what_is_there_is_replaced_only_when_asked_and_put_aside(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    target = tmp_path / "home" / "there.db"
    url = f"sqlite:///{target}"
    restore_backup(file, url, MemoryStorage())
    with pytest.raises(NotEmptyError, match="--replace"):
        restore_backup(file, url, MemoryStorage())
    database = open_database(url)
    with database.transaction() as session:
        session.execute(text("UPDATE issues SET title = 'Newer'"))
    with pytest.raises(InUseError, match="Stop the server"):
        restore_backup(file, url, MemoryStorage(), replace=True)
    database.dispose()
    restore_backup(file, url, MemoryStorage(), replace=True)
    aside = open_database(f"sqlite:///{target}.before-restore")
    with aside.snapshot() as session:
        assert session.scalar(text("SELECT count(*) FROM issues WHERE title = 'Newer'")) == 3
    aside.dispose()


def test_each_database_that_is_replaced_is_kept(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    target = tmp_path / "home" / "there.db"
    for _ in range(3):
        restore_backup(file, f"sqlite:///{target}", MemoryStorage(), replace=True)
    kept = sorted(path.name for path in target.parent.glob("there.db*"))
    assert kept == ["there.db", "there.db.before-restore", "there.db.before-restore-2"]
    assert target.stat().st_nlink == 1


def test_a_restoring_that_ends_in_the_last_moment_leaves_the_former_database_in_place(
    filled: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    target = tmp_path / "home" / "there.db"
    restore_backup(file, f"sqlite:///{target}", MemoryStorage())
    before = target.read_bytes()

    def end(_: Path, __: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", end)
    with pytest.raises(KeyboardInterrupt):
        restore_backup(file, f"sqlite:///{target}", MemoryStorage(), replace=True)
    assert target.read_bytes() == before


def test_a_postgresql_database_with_rows_is_never_replaced(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    url = filled.database.engine.url.render_as_string(hide_password=False)
    if not url.startswith("postgresql"):
        return  # On SQLite `filled` is a file, which is put aside: the test above.
    with pytest.raises(NotEmptyError, match="Create an empty one"):
        restore_backup(file, url, MemoryStorage(), replace=True)


def test_another_file_under_a_key_of_the_backup_is_not_overwritten(filled: Installation, tmp_path: Path) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    storage = MemoryStorage()
    [key] = filled.client.app.state.storage.list_keys()  # type: ignore[attr-defined]
    storage.put(key, io.BytesIO(b"mine"))
    with pytest.raises(NotEmptyError, match="Use an empty storage"):
        restore_backup(file, f"sqlite:///{tmp_path / 'restored.db'}", storage)
    assert b"".join(storage.read(key)) == b"mine"
    assert not (tmp_path / "restored.db").exists()


def test_a_folder_that_cannot_be_written_is_told(filled: Installation, tmp_path: Path) -> None:
    with pytest.raises(BackupNotWrittenError, match="No such file or directory"):
        back_up(filled, tmp_path / "nowhere" / "flow.backup")


def test_a_full_disk_leaves_nothing_that_looks_like_a_backup(filled: Installation) -> None:
    full = Path("/dev/shm") / f"full-{uuid4().hex}"  # noqa: S108 -- A file system of its own is mounted on it.
    full.mkdir()
    assert os.system(f"mount -t tmpfs -o size=4k tmpfs {full}") == 0  # noqa: S605 -- A constant.
    try:
        with pytest.raises(BackupNotWrittenError, match="No space left on device"):
            back_up(filled, full / "flow.backup")
        assert list(full.iterdir()) == []
    finally:
        os.system(f"umount {full}")  # noqa: S605 -- A constant.
        full.rmdir()


def test_too_little_room_is_told_before_anything_is_written(
    filled: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = back_up(filled, tmp_path / "flow.backup")
    monkeypatch.setattr(restoring, "ROOM_FACTOR", 1e15)
    with pytest.raises(NoRoomError, match="Make room"):
        restore_backup(file, f"sqlite:///{tmp_path / 'restored.db'}", MemoryStorage())


def test_every_column_type_can_be_carried() -> None:
    for table in METADATA.sorted_tables:
        for column in table.columns:
            assert type_of(kind_of(column.type)) is not None


def test_the_restored_count_is_what_was_there(filled: Installation, tmp_path: Path) -> None:
    manifest = verify_backup(back_up(filled, tmp_path / "flow.backup"))
    with filled.database.snapshot() as session:
        for name in manifest.tables:
            count = session.scalar(select(func.count()).select_from(METADATA.tables[name]))
            assert manifest.members[f"tables/{name}.jsonl"].rows == count
