"""A full disk under the attachments: a clear answer, nothing half stored."""

from pathlib import Path

from sqlalchemy import text

from factories.app import run_installation
from factories.disks import small_disk


def test_a_full_disk_refuses_the_attachment_keeps_nothing_of_it_and_takes_a_smaller_one(
    database_url: str, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    with run_installation(database_url, tmp_path / "home", storage_url=(disk / "files").as_uri()) as installation:
        body = {"project": "WEB", "title": "It stalls", "description": "At full throttle."}
        issue = installation.call("tester", "POST", "/api/v1/issues", json=body)["id"]
        path = f"/api/v1/issues/{issue}/attachments"
        (disk / "files").rmdir()
        disk.rmdir()
        with small_disk(disk):
            big = {"file": ("core.log", b"x" * 900_000, "text/plain")}
            answer = installation.client.post(path, files=big, headers=installation.sign_in("tester"))
            assert answer.status_code in {503, 507}
            assert "No space left" in answer.json()["detail"] or "disk is full" in answer.json()["detail"]
            assert [each for each in disk.rglob("*") if each.is_file()] == []
            with installation.database.snapshot() as session:
                assert session.scalar(text("SELECT count(*) FROM attachments")) == 0
            small = {"file": ("small.log", b"x" * 1000, "text/plain")}
            assert installation.call("tester", "POST", path, files=small)["size_bytes"] == 1000
