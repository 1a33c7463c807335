"""Publishing models, finding them, and saying which is used."""

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bugflow.core.storage import ObjectExistsError, ObjectNotFoundError, Storage, StorageKeyError
from bugflow.core.storage.contract import require_key
from bugflow.mlops.registry.errors import ModelDamagedError, ModelExistsError, ModelFilesError, ModelNotFoundError
from bugflow.mlops.registry.versions import (
    CHAMPION,
    GLOBAL,
    MANIFEST,
    Champion,
    Manifest,
    ModelVersion,
    StoredFile,
    find_place,
    name_version,
    read_version,
    require_scope,
    require_type,
    write_moment,
)

Content = TypeVar("Content", bound=BaseModel)


def publish_model(  # noqa: PLR0913 -- What is known of a model.
    storage: Storage,
    folder: Path,
    *,
    model_type: str,
    version: str,
    now: datetime,
    scope: str = GLOBAL,
    metrics: Mapping[str, float] | None = None,
    seed: int | None = None,
    code_version: str = "",
    data_hash: str = "",
    card: str = "",
) -> ModelVersion:
    """Store the files of a folder as a version that never changes; it is there once its manifest is, which comes last.

    Raises:
        ModelNameError: The type, the scope or the version is not possible.
        ModelFilesError: The folder has no files, or one whose name cannot be stored.
        ModelExistsError: This version was published in the same second already.
        StorageUnavailableError: The storage is full or does not answer.
    """
    named = name_version(model_type, scope, version, write_moment(now))
    paths = _list_files(folder, named)
    try:
        files = tuple(_store_file(storage, folder, path, named) for path in paths)
        manifest = Manifest(
            model_type=named.model_type,
            scope=named.scope,
            version=named.version,
            moment=named.moment,
            files=files,
            metrics=dict(metrics or {}),
            seed=seed,
            code_version=code_version,
            data_hash=data_hash,
            card=card,
        )
        storage.put(f"{named.prefix}/{MANIFEST}", io.BytesIO(manifest.model_dump_json(indent=1).encode()))
    except ObjectExistsError as error:
        raise ModelExistsError(named.name) from error
    return named


def _list_files(folder: Path, named: ModelVersion) -> list[str]:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    if not paths:
        raise ModelFilesError(str(folder), "it has no files.")
    for path in paths:
        if path == MANIFEST or (folder / path).is_symlink():
            raise ModelFilesError(str(folder), f"{path} is a link, or has the name of the manifest. Take it away.")
        try:
            require_key(f"{named.prefix}/{path}")
        except StorageKeyError as error:
            raise ModelFilesError(str(folder), f"the file {path!r} has a name that cannot be stored.") from error
    return paths


def _store_file(storage: Storage, folder: Path, path: str, named: ModelVersion) -> StoredFile:
    with (folder / path).open("rb") as stream:
        stored = storage.put(f"{named.prefix}/{path}", stream)
    return StoredFile(path=path, size_bytes=stored.size_bytes, sha256=stored.sha256)


def list_versions(storage: Storage, model_type: str, scope: str = GLOBAL) -> list[ModelVersion]:
    """Return the published versions of a type and scope, the newest first.

    Raises:
        ModelNameError: The type or the scope is not possible.
        StorageUnavailableError: The storage does not answer.
    """
    known, where = require_type(model_type), require_scope(scope)
    found = (read_version(known, where, key) for key in storage.list_keys(find_place(known, where)))
    return sorted((each for each in found if each is not None), key=lambda each: each.order, reverse=True)


def get_manifest(storage: Storage, version: ModelVersion) -> Manifest:
    """Return what was published.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: Its manifest says nothing that can be understood, or is another version's.
        StorageUnavailableError: The storage does not answer.
    """
    try:
        content = _read(storage, f"{version.prefix}/{MANIFEST}")
    except ObjectNotFoundError as error:
        raise ModelNotFoundError(version.name) from error
    manifest = _parse(Manifest, content, version.name, "its manifest")
    if (manifest.model_type, manifest.scope, manifest.version, manifest.moment) != (
        version.model_type,
        version.scope,
        version.version,
        version.moment,
    ):
        raise ModelDamagedError(version.name, "its manifest is that of another version.")
    return manifest


def find_current(storage: Storage, model_type: str, scope: str = GLOBAL) -> ModelVersion | None:
    """Return the version that is used, as it is named; whether it is whole is found out when it is fetched.

    Raises:
        ModelNameError: The type or the scope is not possible.
        ModelDamagedError: What names it cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    known, where = require_type(model_type), require_scope(scope)
    key = f"{find_place(known, where)}{CHAMPION}"
    try:
        content = _read(storage, key)
    except ObjectNotFoundError:
        return None
    named = _parse(Champion, content, key, "what names the version in use")
    return name_version(known, where, named.version, named.moment)


def set_current(storage: Storage, version: ModelVersion, *, now: datetime) -> None:
    """Use a version from now on; servers notice within seconds.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: Its manifest cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    get_manifest(storage, version)
    champion = Champion(version=version.version, moment=version.moment, since=now)
    key = f"{find_place(version.model_type, version.scope)}{CHAMPION}"
    storage.put(key, io.BytesIO(champion.model_dump_json().encode()), overwrite=True)


def _read(storage: Storage, key: str) -> bytes:
    return b"".join(storage.read(key))


def _parse(kind: type[Content], content: bytes, name: str, what: str) -> Content:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise ModelDamagedError(name, f"{what} cannot be understood.") from error
