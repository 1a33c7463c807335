"""Bringing a version from another installation: it is there to be chosen afterwards, and nothing in use changes."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from bugflow.core.database import Database
from bugflow.core.storage import Storage
from bugflow.ml.artifacts import ArtifactError, read_json
from bugflow.mlops.promotion.standing import choose_scope
from bugflow.mlops.registry.errors import PackError, PackScopeError, VersionTakenError
from bugflow.mlops.registry.store import list_versions, publish_files
from bugflow.mlops.registry.unpacking import Unpacked, unpack_version
from bugflow.mlops.registry.versions import GLOBAL, MANIFEST, Manifest, ModelVersion, name_version
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit

RANKING, RANKER, MODEL = "duplicates", "ranker.json", "model.json"


@dataclass(frozen=True, slots=True)
class ImportedVersion:
    """What came of an import.

    Attributes:
        is_new: False where this very version was there already.
    """

    version: ModelVersion
    is_new: bool


def import_version(
    database: Database,
    storage: Storage,
    source: BinaryIO,
    *,
    actor: Actor,
    now: datetime,
    work_folder: Path,
    project: str | None = None,
    number: str | None = None,
) -> ImportedVersion:
    """Publish a packed version here; the same once more, also after a kill, changes nothing.

    No transaction is open while files are stored, which may take long. The audit log's entry comes last: a process that
    is killed before leaves a version that nobody uses, and the import that is done again notes it.

    Args:
        database: Where the audit log is.
        storage: Where versions are.
        source: The file, which can be read from any place.
        actor: Who imports it.
        now: The moment.
        work_folder: Where it is unpacked, to be looked at.
        project: Whose own model it becomes, by key, name or UUID; without, it is for all.
        number: Its number here; without, the one it has.

    Raises:
        MissingPermissionError: The actor may not choose models.
        ProjectNotFoundError: There is no such project.
        PackError: The file holds no version, or what no version may.
        PackScopeError: It is a project's own model, and no project is named.
        ModelNameError: The number is none.
        VersionTakenError: Another version has this number here.
        ModelExistsError: Another one has the very same name.
        UnpackingFailedError: There is no room on this machine.
        StorageUnavailableError: The storage is full or does not answer.
    """
    actor.require(Permission.MANAGE_MODELS)
    with database.snapshot() as session:
        scope = choose_scope(session, actor, project)
    with unpack_version(source, work_folder=work_folder, now=now) as unpacked:
        _require_fitting(unpacked, project)
        changes = {"scope": scope, **({} if number is None else {"version": number})}
        manifest = unpacked.manifest.model_copy(update=changes)
        version = name_version(manifest.model_type, manifest.scope, manifest.version, manifest.moment)
        _require_free(storage, version)
        is_new = publish_files(storage, unpacked.folder, manifest)
    _note(database, version, unpacked.manifest, actor=actor, now=now, is_new=is_new)
    return ImportedVersion(version, is_new)


def _require_fitting(unpacked: Unpacked, project: str | None) -> None:
    """Refuse a project's own model for all, and files that servers would refuse only once it is to be used."""
    if unpacked.manifest.scope != GLOBAL and project is None:
        raise PackScopeError
    kind = unpacked.manifest.model_type
    name = RANKER if kind == RANKING else MODEL
    try:
        content = read_json(unpacked.folder / name)
    except ArtifactError as error:
        raise PackError(f"it has no {name} as a model of {kind} has it.") from error
    if kind != RANKING and content.get("target") != kind:
        raise PackError(f"its {MANIFEST} says that it finds the {kind}, its {name} something else.")


def _require_free(storage: Storage, version: ModelVersion) -> None:
    """Refuse a number that another version has: people name versions by it."""
    for present in list_versions(storage, version.model_type, version.scope):
        if present.version == version.version and present != version:
            raise VersionTakenError(version.name, present.name)


def _note(
    database: Database, version: ModelVersion, packed: Manifest, *, actor: Actor, now: datetime, is_new: bool
) -> None:
    with database.transaction() as session:
        record_audit(
            session,
            actor,
            "model.imported",
            subject=("model", f"{version.model_type}/{version.scope}"),
            now=now,
            after={
                "version": version.name,
                "packed_as": f"{packed.model_type}/{packed.scope}/{packed.version}/{packed.moment}",
                "files": {file.path: file.sha256 for file in packed.files},
                "new": is_new,
            },
        )
