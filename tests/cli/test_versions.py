"""`bugflow models compare`, `export`, `import` and `clean`, and `--project`, as a person and as a program use them."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from bugflow.core.database import Database
from bugflow.core.storage import Storage, open_storage
from bugflow.mlops.registry.store import find_current, list_versions, set_current
from bugflow.mlops.registry.versions import ModelVersion
from factories.commands import run_command
from factories.packs import pack_files
from factories.versions import NOW, decide, publish_judged
from factories.workplace import Workplace, build_workplace


@pytest.fixture
def workplace(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setenv("BUGFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BUGFLOW_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    with database.transaction() as session:
        return build_workplace(session)


@pytest.fixture
def storage(workplace: Workplace, tmp_path: Path) -> Storage:
    """The installation's storage, with two versions of severity."""
    assert workplace.project.key
    made = open_storage((tmp_path / "home" / "files").as_uri())
    publish_judged(made, tmp_path, "1.0.0", decide(0.6, passed=False), classes=("low", "old"))
    publish_judged(made, tmp_path, "1.1.0", decide(0.7, items=90), classes=("low", "new"))
    return made


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str, code: int = 0) -> str:
    assert run_command("models", *arguments, monkeypatch=monkeypatch) == code
    read = capsys.readouterr()
    return read.out if code == 0 else read.err


def test_two_versions_are_compared(
    storage: Storage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_current(storage, "severity") is None
    shown = run(capsys, monkeypatch, "compare", "severity", "1.0.0", "1.1.0")
    for part in ("0.600", "0.800)", "+0.100", "B passed precision.", "Only A can say old.", "different issues"):
        assert part in shown
    told = json.loads(run(capsys, monkeypatch, "compare", "severity", "1.0.0", "1.1.0", "--json"))
    assert (told["a"], told["same_items"], told["only_b"]) == ("severity/1.0.0/20260301_000000", False, ["new"])
    assert told["figures"][0]["difference"] == pytest.approx(0.1)
    assert "9.0.0" in run(capsys, monkeypatch, "compare", "severity", "1.0.0", "9.0.0", code=3)


def test_a_version_is_taken_out_whole_and_never_over_a_file_that_is_there(
    storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "taken.zip"
    command = ("export", "severity", "1.0.0", "--out", str(out))
    run(capsys, monkeypatch, *command)
    with zipfile.ZipFile(out) as archive:
        assert json.loads(archive.read("manifest.json"))["version"] == "1.0.0"
    before = out.read_bytes()
    assert "--force" in run(capsys, monkeypatch, *command, code=4)
    run(capsys, monkeypatch, *command, "--force")
    assert out.read_bytes() == before
    storage.put("ml_models/severity/1.1.0/20260301_000000/decision.json", io.BytesIO(b"{}"), overwrite=True)
    other = tmp_path / "other.zip"
    assert "not what was" in run(capsys, monkeypatch, "export", "severity", "1.1.0", "--out", str(other), code=2)
    assert [path.name for path in tmp_path.glob("*other*")] == []


def test_a_version_is_taken_in_under_its_own_number_or_another_one(
    storage: Storage,
    workplace: Workplace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "brought.zip"
    file.write_bytes(pack_files(moment="20260228_000000").getvalue())
    assert "under another number" in run(capsys, monkeypatch, "import", str(file), code=4)
    told = json.loads(run(capsys, monkeypatch, "import", str(file), "--as", "2.0.0", "--json"))
    assert told == {"version": "severity/2.0.0/20260228_000000", "new": True}
    said = run(capsys, monkeypatch, "import", str(file), "--as", "2.0.0")
    assert said.startswith("severity/2.0.0/20260228_000000 was there already.")
    own = ("import", str(file), "--project", workplace.project.key)
    assert f"severity/{workplace.project.uuid}/1.0.0/20260228_000000 is there now." in run(capsys, monkeypatch, *own)
    assert find_current(storage, "severity") is None
    assert [each.version for each in list_versions(storage, "severity")] == ["2.0.0", "1.1.0", "1.0.0"]
    file.write_bytes(b"PK")
    assert "no ZIP file" in run(capsys, monkeypatch, "import", str(file), code=2)
    assert "cannot be read" in run(capsys, monkeypatch, "import", str(tmp_path / "none.zip"), code=2)


def test_what_was_broken_off_is_removed_and_the_alias_put_back(
    storage: Storage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = ModelVersion("team", "global", "3.0.0", "20200101_000000")
    storage.put(f"{half.prefix}/model.json", io.BytesIO(b"{}"))
    set_current(storage, ModelVersion("severity", "global", "1.1.0", f"{NOW:%Y%m%d_%H%M%S}"), now=NOW)
    assert f"{half.name}, 1 files, would be" in run(capsys, monkeypatch, "clean", "--dry-run").replace("\n", " ")
    told = json.loads(run(capsys, monkeypatch, "clean", "--json"))
    [sentence] = told.pop("mended")
    assert "names severity/1.1.0/20260301_000000 as the version in use, the ledger none" in sentence
    assert told == {"versions": [half.name], "folders": [], "removed": True, "problems": []}
    assert list(storage.list_keys(half.prefix)) == []
    assert find_current(storage, "severity") is None
    assert "nothing to remove" in run(capsys, monkeypatch, "clean")


def test_a_projects_own_models_are_managed_by_its_key(
    storage: Storage,
    workplace: Workplace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, scope = workplace.project.key, str(workplace.project.uuid)
    own = publish_judged(storage, tmp_path, "5.0.0", None, scope=scope)
    assert "no model" in run(capsys, monkeypatch, "promote", "severity", "5.0.0", code=3)
    run(capsys, monkeypatch, "promote", "severity", "5.0.0", "--project", key)
    assert (find_current(storage, "severity", scope), find_current(storage, "severity")) == (own, None)
    [row] = json.loads(run(capsys, monkeypatch, "list", "--project", key, "--json"))
    assert (row["version"], row["used"], row["challenger"]) == ("5.0.0", True, False)
    assert "A card" in run(capsys, monkeypatch, "show", "severity", "5.0.0", "--project", key)
    [change] = json.loads(run(capsys, monkeypatch, "history", "severity", "--project", key, "--json"))
    assert change["version"] == own.name
    assert json.loads(run(capsys, monkeypatch, "history", "severity", "--json")) == []
    run(capsys, monkeypatch, "rollback", "severity", "--project", key)
    assert find_current(storage, "severity", scope) is None
    assert "NONE" in run(capsys, monkeypatch, "list", "--project", "NONE", code=3)
