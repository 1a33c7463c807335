"""Versions brought from another installation: there to be chosen, and nothing in use changes."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from sqlalchemy import select

from bugflow.core.database import Database
from bugflow.core.storage import Storage, open_storage
from bugflow.core.storage.contract import StoredObject
from bugflow.core.storage.file import FileStorage
from bugflow.ml.triage.model import TriageModel
from bugflow.mlops.promotion.importing import ImportedVersion, import_version
from bugflow.mlops.promotion.service import list_changes, use_model
from bugflow.mlops.registry.errors import ModelExistsError, ModelNameError, PackError, PackScopeError, VersionTakenError
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.packing import pack_version
from bugflow.mlops.registry.store import find_current, get_manifest, list_versions, publish_model
from bugflow.mlops.registry.versions import ModelVersion
from bugflow.tracker.accounts.actor import MissingPermissionError
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.audit.tables import AuditEntry
from bugflow.tracker.projects.errors import ProjectNotFoundError
from factories.app import Installation
from factories.models import SEVERITY_TEXTS, save_model, train_model
from factories.packs import FILES, pack_files
from factories.trainings import Killed
from factories.workplace import Workplace, build_workplace

NOW = datetime(2026, 3, 2, tzinfo=UTC)
PROJECT = "6f1f0d52-0c6f-4c55-9a39-0a5f2f3b8f10"
Import = Callable[..., ImportedVersion]


@pytest.fixture
def workplace(database: Database) -> Workplace:
    with database.transaction() as session:
        return build_workplace(session)


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return open_storage((tmp_path / "files").as_uri())


@pytest.fixture
def bring(database: Database, workplace: Workplace, storage: Storage, tmp_path: Path) -> Import:
    def run(source: BinaryIO, **options: Any) -> ImportedVersion:  # noqa: ANN401 -- Any option.
        wanted = {"actor": workplace.manager, "now": NOW, "work_folder": tmp_path / "fetched", **options}
        return import_version(database, wanted.pop("storage", storage), source, **wanted)

    return run


def export_elsewhere(folder: Path) -> tuple[io.BytesIO, ModelVersion]:
    """Return a version as another installation exports it."""
    there, packed = open_storage((folder / "there").as_uri()), io.BytesIO()
    saved = save_model(folder / "saved", train_model("severity", SEVERITY_TEXTS))
    version = publish_model(there, saved, model_type="severity", version="1.0.0", now=NOW, metrics={"macro_f1": 0.6})
    pack_version(there, version, packed, cache_folder=folder / "cache there")
    return packed, version


def list_audited(database: Database) -> list[dict[str, Any] | None]:
    with database.snapshot() as session:
        entries = select(AuditEntry.after).where(AuditEntry.action == "model.imported").order_by(AuditEntry.id)
        return list(session.scalars(entries))


def test_a_version_is_carried_over_and_can_be_used_and_importing_it_uses_nothing(
    bring: Import, database: Database, workplace: Workplace, storage: Storage, tmp_path: Path
) -> None:
    packed, there = export_elsewhere(tmp_path)
    found = bring(packed)
    assert (found.version, found.is_new) == (there, True)
    assert (find_current(storage, "severity"), list_versions(storage, "severity")) == (None, [there])
    with database.transaction() as session:
        assert list_changes(session, "severity") == []
        use_model(session, storage, "severity", there, actor=workplace.manager, now=NOW)
    model = TriageModel.load(fetch_model(storage, there, tmp_path / "cache"))
    assert model.classes == ("critical", "low")
    again = io.BytesIO()
    pack_version(storage, there, again, cache_folder=tmp_path / "cache")
    assert again.getvalue() == packed.getvalue()


def test_the_same_again_is_no_error_and_each_time_is_noted(bring: Import, database: Database) -> None:
    assert [bring(pack_files()).is_new for _ in range(2)] == [True, False]
    first, second = list_audited(database)
    assert first is not None
    assert second == {**first, "new": False}
    assert (first["version"], first["new"]) == ("severity/1.0.0/20260301_000000", True)
    assert first["files"].keys() == FILES.keys()


def test_a_number_that_another_version_has_is_refused_and_another_one_can_be_given(
    bring: Import, database: Database, storage: Storage
) -> None:
    first = bring(pack_files()).version
    other = {**FILES, "decision.md": b"# Another"}
    with pytest.raises(ModelExistsError):
        bring(pack_files(other))
    with pytest.raises(VersionTakenError, match=r"here that is severity/1\.0\.0/20260301_000000"):
        bring(pack_files(other, moment="20260228_000000"))
    with pytest.raises(ModelNameError):
        bring(pack_files(other), number="2.0")
    second = bring(pack_files(other), number="2.0.0").version
    assert second.name == "severity/2.0.0/20260301_000000"
    assert list_versions(storage, "severity") == [second, first]
    assert get_manifest(storage, second).version == "2.0.0"
    assert len(list_audited(database)) == 2


def test_a_projects_own_model_is_for_the_project_that_is_named_here(
    bring: Import, workplace: Workplace, storage: Storage
) -> None:
    own = pack_files(scope=PROJECT)
    with pytest.raises(PackScopeError, match="Say which project"):
        bring(own)
    with pytest.raises(ProjectNotFoundError):
        bring(own, project="NONE")
    scope = str(workplace.project.uuid)
    assert bring(own, project=workplace.project.key).version.scope == scope
    assert list_versions(storage, "severity") == []
    assert get_manifest(storage, list_versions(storage, "severity", scope)[0]).scope == scope


class DyingStorage(FileStorage):
    """Its process is killed before so many files were put."""

    def __init__(self, folder: Path, files: int) -> None:
        super().__init__(folder)
        self._left = files

    def put(self, key: str, stream: BinaryIO, *, max_bytes: int | None = None, overwrite: bool = False) -> StoredObject:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return super().put(key, stream, max_bytes=max_bytes, overwrite=overwrite)


@pytest.mark.parametrize("files", range(len(FILES) + 1))
def test_an_import_that_was_killed_is_not_there_and_goes_on(
    bring: Import, database: Database, storage: Storage, tmp_path: Path, files: int
) -> None:
    with pytest.raises(Killed):
        bring(pack_files(), storage=DyingStorage(tmp_path / "files", files))
    assert (list_versions(storage, "severity"), list_audited(database)) == ([], [])
    assert bring(pack_files()).is_new
    assert len(list_audited(database)) == 1


@pytest.mark.parametrize(
    ("files", "changes", "words"),
    [
        (FILES, {"model_type": "team"}, "finds the team, its model.json something else"),
        (FILES, {"model_type": "duplicates"}, "no ranker.json"),
        ({"decision.json": b"{}"}, {}, "no model.json"),
        ({"model.json": b"[]"}, {}, "no model.json"),
        ({**FILES, "x.pkl": b"x"}, {}, "of a form"),
    ],
)
def test_what_is_no_model_of_its_type_stores_nothing(
    bring: Import, database: Database, tmp_path: Path, files: dict[str, bytes], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(PackError, match=words):
        bring(pack_files(files, **changes))
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
    assert list_audited(database) == []


def test_only_those_who_may_choose_models_import_them(bring: Import, workplace: Workplace, storage: Storage) -> None:
    for role in (Role.TESTER, Role.DEVELOPER):
        with pytest.raises(MissingPermissionError):
            bring(pack_files(), actor=workplace.people[role])
    assert list_versions(storage, "severity") == []
    assert bring(pack_files(), now=NOW + timedelta(days=1)).is_new


def test_over_http_a_version_comes_in_and_hostile_files_do_not(installation: Installation) -> None:
    call, manager = "/api/v1/models/import", "project_manager"

    def send(files: dict[str, bytes]) -> dict[str, Any]:
        return {"file": ("severity.zip", pack_files(files))}

    told = installation.call(manager, "POST", call, files=send(FILES))
    assert (told["name"], told["is_new"]) == ("severity/1.0.0/20260301_000000", True)
    other = {**FILES, "decision.md": b"# Another"}
    installation.refuse(manager, "POST", call, 409, files=send(other))
    number, place = {"version": "3.0.0"}, {"scope": "WEB"}
    assert installation.call(manager, "POST", call, data=number, params=place, files=send(other))["version"] == "3.0.0"
    [row] = installation.call(manager, "GET", "/api/v1/models/severity", params=place)
    assert (row["version"], row["used"]) == ("3.0.0", False)
    refused = installation.refuse(manager, "POST", call, 422, files=send({**FILES, "../stolen.json": b"{}"}))
    assert "leads elsewhere" in refused["detail"]
    for role in ("tester", "developer"):
        installation.refuse(role, "POST", call, 403, files=send(FILES))
