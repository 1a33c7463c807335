import json
import os
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from bugflow.cli.main import app
from bugflow.cli.writing import OutputExistsError, OutputNotWrittenError
from factories.app import Installation


@pytest.fixture
def reported(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    for title in ("First", "Second"):
        installation.call("tester", "POST", "/api/v1/issues", json={"project": "WEB", "title": title})
    address = installation.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", address)
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    return installation


@pytest.mark.usefixtures("reported")
def test_issues_are_written_to_standard_output_or_a_file(tmp_path: Path) -> None:
    run = CliRunner().invoke
    lines = run(app, ["export", "--query", "first"], catch_exceptions=False).stdout.splitlines()
    assert [json.loads(line)["title"] for line in lines] == ["First"]
    out = tmp_path / "issues.csv"
    arguments = ["export", "--project", "web", "--format", "csv", "--out", str(out)]
    run(app, arguments, catch_exceptions=False)
    assert out.read_text(encoding="utf-8").count("\n") == 3
    assert isinstance(run(app, arguments).exception, OutputExistsError)
    assert run(app, [*arguments, "--force"]).exit_code == 0
    assert run(app, ["export", "--project", "OPS"]).stdout == ""


@pytest.mark.usefixtures("reported")
def test_a_full_disk_leaves_no_half_export() -> None:
    full = Path("/dev/shm") / f"full-{uuid4().hex}"  # noqa: S108 -- A file system of its own is mounted on it.
    full.mkdir()
    assert os.system(f"mount -t tmpfs -o size=4k tmpfs {full}") == 0  # noqa: S605 -- A constant.
    try:
        (full / "filler").write_bytes(b"x" * 4096)
        result = CliRunner().invoke(app, ["export", "--out", str(full / "issues.jsonl")])
        assert isinstance(result.exception, OutputNotWrittenError)
        assert [file.name for file in full.iterdir()] == ["filler"]
    finally:
        os.system(f"umount {full}")  # noqa: S605 -- A constant.
        full.rmdir()
