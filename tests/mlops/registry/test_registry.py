"""Models in the storage: published once, never changed, fetched whole or refused."""

import io
import json
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bugflow.core.storage import Storage
from bugflow.mlops.registry.cleaning import (
    list_half_published,
    list_leftovers,
    remove_half_published,
    remove_leftover,
)
from bugflow.mlops.registry.errors import (
    ModelDamagedError,
    ModelExistsError,
    ModelFilesError,
    ModelNameError,
    ModelNotFoundError,
)
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.packing import pack_version
from bugflow.mlops.registry.remembering import forget_model, recall_model, remember_model
from bugflow.mlops.registry.store import (
    clear_challenger,
    find_challenger,
    find_current,
    get_manifest,
    list_versions,
    publish_model,
    set_challenger,
    set_current,
)
from bugflow.mlops.registry.verifying import verify_version
from bugflow.mlops.registry.versions import ModelVersion, read_moment

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
PROJECT = "6f1f0d52-0c6f-4c55-9a39-0a5f2f3b8f10"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "made"
    (made / "members" / "linear").mkdir(parents=True)
    (made / "model.json").write_text('{"format": 1}')
    (made / "members" / "linear" / "weights.bin").write_bytes(bytes(range(256)) * 2000)
    return made


def publish(storage: Storage, folder: Path, *, version: str = "1.0.0", seconds: int = 0, **facts: Any) -> ModelVersion:  # noqa: ANN401 -- Any fact.
    now = NOW + timedelta(seconds=seconds)
    return publish_model(storage, folder, model_type="severity", version=version, now=now, **facts)


def test_what_is_published_is_fetched_whole_with_all_that_is_known_of_it(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    published = publish(
        storage,
        folder,
        metrics={"macro_f1": 0.61},
        seed=7,
        code_version="0.1.0",
        data_hash="ab" * 32,
        card="# Severity\nNot for priorities.",
    )
    assert published.prefix == "ml_models/severity/1.0.0/20261121_143000"
    fetched = fetch_model(storage, published, tmp_path / "cache")
    for path in ("model.json", "members/linear/weights.bin"):
        assert (fetched / path).read_bytes() == (folder / path).read_bytes()
    manifest = get_manifest(storage, published)
    assert [(each.path, each.size_bytes) for each in manifest.files] == [
        ("members/linear/weights.bin", 512_000),
        ("model.json", 13),
    ]
    assert (manifest.metrics, manifest.seed, manifest.code_version) == ({"macro_f1": 0.61}, 7, "0.1.0")
    assert (manifest.data_hash, manifest.card) == ("ab" * 32, "# Severity\nNot for priorities.")


def test_versions_are_listed_newest_first_and_each_scope_has_its_own(storage: Storage, folder: Path) -> None:
    for number, version in enumerate(("1.9.0", "1.10.0", "1.9.0")):
        publish(storage, folder, version=version, seconds=number)
    own = publish(storage, folder, scope=PROJECT.upper())
    assert [each.name for each in list_versions(storage, "severity")] == [
        "severity/1.10.0/20261121_143001",
        "severity/1.9.0/20261121_143002",
        "severity/1.9.0/20261121_143000",
    ]
    assert list_versions(storage, "severity", PROJECT) == [own]
    assert own.prefix == f"ml_models/severity/{PROJECT}/1.0.0/20261121_143000"
    assert list_versions(storage, "team") == []


def test_a_version_never_changes(storage: Storage, folder: Path, tmp_path: Path) -> None:
    published = publish(storage, folder)
    before = (folder / "model.json").read_bytes()
    (folder / "model.json").write_text('{"format": 2}')
    with pytest.raises(ModelExistsError, match=r"severity/1\.0\.0/20261121_143000"):
        publish(storage, folder)
    assert (fetch_model(storage, published, tmp_path / "cache") / "model.json").read_bytes() == before


def test_a_model_whose_manifest_was_never_written_is_not_there(storage: Storage, tmp_path: Path) -> None:
    half = ModelVersion("severity", "global", "1.0.0", "20261121_143000")
    storage.put(f"{half.prefix}/model.json", io.BytesIO(b"{}"))
    assert list_versions(storage, "severity") == []
    with pytest.raises(ModelNotFoundError):
        set_current(storage, half, now=NOW)
    with pytest.raises(ModelNotFoundError):
        fetch_model(storage, half, tmp_path / "cache")


def test_the_version_in_use_can_be_moved_there_and_back(storage: Storage, folder: Path) -> None:
    assert find_current(storage, "severity") is None
    old, new = publish(storage, folder), publish(storage, folder, version="2.0.0")
    own = publish(storage, folder, scope=PROJECT)
    for version in (old, new, old):
        set_current(storage, version, now=NOW)
        assert find_current(storage, "severity") == version
    assert find_current(storage, "severity", PROJECT) is None
    set_current(storage, own, now=NOW)
    assert find_current(storage, "severity", PROJECT) == own
    assert find_current(storage, "severity") == old


@pytest.mark.parametrize("damage", ["changed", "longer", "missing"])
def test_a_file_that_is_not_what_was_published_is_refused_and_leaves_nothing(
    storage: Storage, folder: Path, tmp_path: Path, damage: str
) -> None:
    published = publish(storage, folder)
    key = f"{published.prefix}/model.json"
    if damage == "missing":
        storage.delete(key)
    else:
        content = b'{"format": 9}' if damage == "changed" else b'{"format": 1}      '
        storage.put(key, io.BytesIO(content), overwrite=True)
    with pytest.raises(ModelDamagedError, match=r"model\.json"):
        fetch_model(storage, published, tmp_path / "cache")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_what_was_damaged_in_the_cache_is_fetched_again(storage: Storage, folder: Path, tmp_path: Path) -> None:
    published = publish(storage, folder)
    fetched = fetch_model(storage, published, tmp_path / "cache")
    (fetched / "model.json").write_text("{}")
    again = fetch_model(storage, published, tmp_path / "cache")
    assert (again / "model.json").read_text() == '{"format": 1}'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"format": 2}',
        json.dumps({"version": "../../etc", "moment": "20261121_143000", "since": "2026-11-21T00:00:00Z"}).encode(),
    ],
)
def test_an_alias_or_manifest_that_makes_no_sense_is_refused(storage: Storage, folder: Path, content: bytes) -> None:
    published = publish(storage, folder)
    storage.put("ml_models/severity/champion.json", io.BytesIO(content), overwrite=True)
    with pytest.raises((ModelDamagedError, ModelNameError)):
        find_current(storage, "severity")
    storage.put(f"{published.prefix}/manifest.json", io.BytesIO(content), overwrite=True)
    with pytest.raises(ModelDamagedError):
        get_manifest(storage, published)


@pytest.mark.parametrize("path", ["../../stolen", "/etc/passwd", ".hidden", "a/../../b"])
def test_a_manifest_that_leads_out_of_its_folder_is_refused(
    storage: Storage, folder: Path, tmp_path: Path, path: str
) -> None:
    published = publish(storage, folder)
    manifest = get_manifest(storage, published).model_dump(mode="json")
    manifest["files"][0]["path"] = path
    key = f"{published.prefix}/manifest.json"
    storage.put(key, io.BytesIO(json.dumps(manifest).encode()), overwrite=True)
    with pytest.raises(ModelDamagedError, match="cannot be stored"):
        fetch_model(storage, published, tmp_path / "cache")


def test_a_manifest_of_another_version_is_refused(storage: Storage, folder: Path, tmp_path: Path) -> None:
    old, new = publish(storage, folder), publish(storage, folder, version="2.0.0")
    content = b"".join(storage.read(f"{old.prefix}/manifest.json"))
    storage.put(f"{new.prefix}/manifest.json", io.BytesIO(content), overwrite=True)
    with pytest.raises(ModelDamagedError, match="another version"):
        fetch_model(storage, new, tmp_path / "cache")


@pytest.mark.parametrize(
    "facts",
    [
        {"version": "1.0"},
        {"version": "01.0.0"},
        {"version": "1.0.0/../.."},
        {"scope": "WEB"},
        {"scope": "../x"},
    ],
)
def test_a_name_that_no_model_can_have_is_refused(folder: Path, storage: Storage, facts: dict[str, Any]) -> None:
    with pytest.raises(ModelNameError, match="Use "):
        publish(storage, folder, **facts)
    with pytest.raises(ModelNameError, match="severity, team, component, priority"):
        list_versions(storage, "mood")


def test_a_folder_without_files_or_with_links_is_refused(storage: Storage, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelFilesError, match="no files"):
        publish(storage, tmp_path / "empty")
    (folder / "link.json").symlink_to(folder / "model.json")
    with pytest.raises(ModelFilesError, match=r"link\.json"):
        publish(storage, folder)
    assert list_versions(storage, "severity") == []


def test_several_who_fetch_at_once_all_get_a_whole_model(storage: Storage, folder: Path, tmp_path: Path) -> None:
    published = publish(storage, folder)
    expected = (folder / "members/linear/weights.bin").read_bytes()
    found: list[bool] = []

    def fetch() -> None:
        fetched = fetch_model(storage, published, tmp_path / "cache")
        found.append((fetched / "members/linear/weights.bin").read_bytes() == expected)

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [True] * 6


def test_a_challenger_stands_beside_the_version_in_use_and_each_scope_has_its_own(
    storage: Storage, folder: Path
) -> None:
    used, tried = publish(storage, folder), publish(storage, folder, version="2.0.0")
    own = publish(storage, folder, scope=PROJECT)
    set_current(storage, used, now=NOW)
    assert find_challenger(storage, "severity") is None
    set_challenger(storage, tried, now=NOW)
    set_challenger(storage, own, now=NOW)
    assert (find_current(storage, "severity"), find_challenger(storage, "severity")) == (used, tried)
    assert find_challenger(storage, "severity", PROJECT) == own
    for _ in range(2):
        clear_challenger(storage, "severity")
    assert (find_challenger(storage, "severity"), find_challenger(storage, "severity", PROJECT)) == (None, own)
    assert len(list_versions(storage, "severity")) == 2


def test_what_is_published_again_is_the_same_version(storage: Storage, folder: Path) -> None:
    published = publish(storage, folder, metrics={"accuracy": 0.7})
    before = {key: b"".join(storage.read(key)) for key in storage.list_keys("ml_models/")}
    assert publish(storage, folder, metrics={"accuracy": 0.7}) == published
    with pytest.raises(ModelExistsError):
        publish(storage, folder, metrics={"accuracy": 0.8})
    (folder / "more.json").write_text("{}")
    with pytest.raises(ModelExistsError):
        publish(storage, folder, metrics={"accuracy": 0.7})
    assert {key: b"".join(storage.read(key)) for key in storage.list_keys("ml_models/")} == before


@pytest.mark.parametrize("begun", ["same", "other content", "other file"])
def test_what_was_begun_is_completed_where_it_is_the_same(storage: Storage, folder: Path, begun: str) -> None:
    half = ModelVersion("severity", "global", "1.0.0", "20261121_143000")
    for path in ("model.json", "old.json") if begun == "other file" else ("model.json",):
        content = b"{}" if begun == "other content" else (folder / "model.json").read_bytes()
        storage.put(f"{half.prefix}/{path}", io.BytesIO(content))
    if begun == "same":
        assert publish(storage, folder) == half
        return
    with pytest.raises(ModelExistsError):
        publish(storage, folder)
    assert list_versions(storage, "severity") == []


def test_what_was_never_finished_is_removed_after_a_day_and_nothing_else(storage: Storage, folder: Path) -> None:
    whole, own = publish(storage, folder), publish(storage, folder, scope=PROJECT, version="3.0.0")
    for version in (whole, own):
        set_current(storage, version, now=NOW)
        storage.put(f"{version.prefix.replace('0.0', '0.9')}/model.json", io.BytesIO(b"{}"))
    young = ModelVersion("team", "global", "1.0.0", "20261122_143000")
    storage.put(f"{young.prefix}/model.json", io.BytesIO(b"{}"))
    half = list_half_published(storage, now=NOW + timedelta(days=1, seconds=1))
    assert [each.version.name for each in half] == [
        "severity/1.0.9/20261121_143000",
        f"severity/{PROJECT}/3.0.9/20261121_143000",
    ]
    before = set(storage.list_keys())
    assert [remove_half_published(storage, each) for each in half] == [True, True]
    assert before - set(storage.list_keys()) == {f"{each.version.prefix}/model.json" for each in half}


def test_what_was_finished_meanwhile_is_not_removed(storage: Storage, folder: Path) -> None:
    half = ModelVersion("severity", "global", "1.0.0", "20261121_143000")
    storage.put(f"{half.prefix}/model.json", io.BytesIO((folder / "model.json").read_bytes()))
    [found] = list_half_published(storage, now=NOW + timedelta(days=2))
    publish(storage, folder)
    assert not remove_half_published(storage, found)
    assert list_versions(storage, "severity") == [half]


def test_what_a_fetch_left_behind_is_found_after_a_day(storage: Storage, folder: Path, tmp_path: Path) -> None:
    fetched = fetch_model(storage, publish(storage, folder), tmp_path / "cache")
    left = fetched.parent / ".unfinished-1"
    left.mkdir()
    now = datetime.now(UTC)
    assert list(list_leftovers(tmp_path / "cache", now=now)) == []
    assert list(list_leftovers(tmp_path / "cache", now=now + timedelta(days=2))) == [left]
    remove_leftover(left)
    assert fetched.is_dir()
    assert not left.exists()


def test_a_packed_version_has_every_file_and_the_manifest_and_is_the_same_each_time(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    published = publish(storage, folder, metrics={"accuracy": 0.7})
    packed = [io.BytesIO(), io.BytesIO()]
    for target in packed:
        pack_version(storage, published, target, cache_folder=tmp_path / "cache")
    assert packed[0].getvalue() == packed[1].getvalue()
    with zipfile.ZipFile(packed[0]) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert content == {
        "members/linear/weights.bin": bytes(range(256)) * 2000,
        "model.json": b'{"format": 1}',
        "manifest.json": b"".join(storage.read(f"{published.prefix}/manifest.json")),
    }
    storage.put(f"{published.prefix}/model.json", io.BytesIO(b"{}"), overwrite=True)
    with pytest.raises(ModelDamagedError):
        pack_version(storage, published, io.BytesIO(), cache_folder=tmp_path / "other")


@pytest.mark.parametrize("damage", [None, "missing", "longer", "changed"])
def test_a_version_is_verified_by_size_and_deep_by_content(storage: Storage, folder: Path, damage: str | None) -> None:
    published = publish(storage, folder)
    key = f"{published.prefix}/model.json"
    if damage == "missing":
        storage.delete(key)
    elif damage is not None:
        storage.put(key, io.BytesIO(b'{"format": 9}' if damage == "changed" else b"{}"), overwrite=True)
    for deep in (False, True):
        if damage is None or (damage == "changed" and not deep):
            verify_version(storage, published, deep=deep)
        else:
            with pytest.raises(ModelDamagedError, match=r"model\.json"):
                verify_version(storage, published, deep=deep)


def test_this_machine_remembers_what_was_in_use_and_only_where_it_is_whole(
    storage: Storage, folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    assert recall_model("severity", cache) is None
    old, own = publish(storage, folder), publish(storage, folder, scope=PROJECT)
    for version in (old, own):
        fetched = fetch_model(storage, version, cache)
        remember_model(version, cache)
        assert recall_model("severity", cache, version.scope) == (version, fetched)
    assert recall_model("team", cache) is None
    (cache / own.name / "model.json").write_text("{}")
    assert recall_model("severity", cache, PROJECT) is None
    (cache / "severity" / "last-used").write_text("severity/../../etc")
    assert recall_model("severity", cache) is None
    remember_model(old, cache)
    forget_model("severity", cache)
    assert recall_model("severity", cache) is None


def test_a_versions_name_tells_its_moment_and_no_other_name_does() -> None:
    assert read_moment("severity/1.2.0/20261121_143000") == NOW
    assert read_moment(f"severity/{PROJECT}/1.2.0/20261121_143000") == NOW
    assert [read_moment(name) for name in ("starter/1.0.0", "", "severity/1.2.0/20261321_143000")] == [None] * 3
