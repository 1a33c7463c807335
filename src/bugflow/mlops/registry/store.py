"""Publishing models, finding them, and saying which is used."""

import hashlib
import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from bugflow.core.storage import ObjectExistsError, ObjectNotFoundError, Storage, StorageKeyError
from bugflow.core.storage.contract import require_key
from bugflow.ml.artifacts import hash_file
from bugflow.mlops.registry.errors import ModelDamagedError, ModelExistsError, ModelFilesError, ModelNotFoundError
from bugflow.mlops.registry.versions import (
    CHALLENGER,
    CHAMPION,
    GLOBAL,
    MANIFEST,
    Alias,
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

    What was broken off is completed by the same call once more; for a version that is there it changes nothing.

    Raises:
        ModelNameError: The type, the scope or the version is not possible.
        ModelFilesError: The folder has no files, one whose name cannot be stored, or one that is being changed.
        ModelExistsError: Something else was published as this version in the same second.
        StorageUnavailableError: The storage is full or does not answer.
    """
    named = name_version(model_type, scope, version, write_moment(now))
    manifest = Manifest(
        model_type=named.model_type,
        scope=named.scope,
        version=named.version,
        moment=named.moment,
        files=tuple(_describe_file(folder, path) for path in _list_files(folder, named)),
        metrics=dict(metrics or {}),
        seed=seed,
        code_version=code_version,
        data_hash=data_hash,
        card=card,
    )
    publish_files(storage, folder, manifest)
    return named


def publish_files(storage: Storage, folder: Path, manifest: Manifest) -> bool:
    """Store a folder's files as the version that a manifest describes; return whether it was not there yet.

    Raises:
        ModelNameError: The type, the scope or the version is not possible.
        ModelFilesError: A file is not what the manifest says, or its name cannot be stored.
        ModelExistsError: Something else was published as this version.
        StorageUnavailableError: The storage is full or does not answer.
    """
    named = name_version(manifest.model_type, manifest.scope, manifest.version, manifest.moment)
    content = manifest.model_dump_json(indent=1).encode()
    if _is_published(storage, named, content):
        return False
    stored = [_store_file(storage, folder, file, named) for file in manifest.files]
    if not all(stored):
        _require_no_other(storage, named, manifest)
    _put_once(storage, f"{named.prefix}/{MANIFEST}", content, named)
    return True


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


def _describe_file(folder: Path, path: str) -> StoredFile:
    return StoredFile(path=path, size_bytes=(folder / path).stat().st_size, sha256=hash_file(folder / path))


def _is_published(storage: Storage, named: ModelVersion, content: bytes) -> bool:
    """Return whether this very version is there already; looked at first, so that nothing is added to another one."""
    try:
        found = _read(storage, f"{named.prefix}/{MANIFEST}")
    except ObjectNotFoundError:
        return False
    if found != content:
        raise ModelExistsError(named.name)
    return True


def _store_file(storage: Storage, folder: Path, file: StoredFile, named: ModelVersion) -> bool:
    """Store a file; return whether it was not there yet."""
    key = f"{named.prefix}/{file.path}"
    try:
        with (folder / file.path).open("rb") as stream:
            stored = storage.put(key, stream)
    except ObjectExistsError as error:
        if measure_object(storage, key) != (file.size_bytes, file.sha256):
            raise ModelExistsError(named.name) from error
        return False
    if stored.sha256 != file.sha256:
        storage.delete(key)
        raise ModelFilesError(str(folder), f"{file.path} was changed meanwhile. Publish it again.")
    return True


def measure_object(storage: Storage, key: str) -> tuple[int, str]:
    """Return the size of an object in bytes and its SHA-256 in hexadecimal.

    Raises:
        ObjectNotFoundError: Nothing is stored there.
        StorageUnavailableError: The storage does not answer.
    """
    digest, size = hashlib.sha256(), 0
    for piece in storage.read(key):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def _require_no_other(storage: Storage, named: ModelVersion, manifest: Manifest) -> None:
    """Refuse to complete what was begun with a file that is not in the folder now."""
    wanted = {f"{named.prefix}/{file.path}" for file in manifest.files} | {f"{named.prefix}/{MANIFEST}"}
    if not wanted.issuperset(storage.list_keys(f"{named.prefix}/")):
        raise ModelExistsError(named.name)


def _put_once(storage: Storage, key: str, content: bytes, named: ModelVersion) -> None:
    try:
        storage.put(key, io.BytesIO(content))
    except ObjectExistsError as error:  # Another process was faster, or an answer was lost and the request sent again.
        if _read(storage, key) != content:
            raise ModelExistsError(named.name) from error


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
    return _find_named(storage, CHAMPION, model_type, scope)


def set_current(storage: Storage, version: ModelVersion, *, now: datetime) -> None:
    """Use a version from now on; servers notice within seconds.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: Its manifest cannot be understood.
        StorageUnavailableError: The storage does not answer.
    """
    _name(storage, CHAMPION, version, now)


def find_challenger(storage: Storage, model_type: str, scope: str = GLOBAL) -> ModelVersion | None:
    """Return the version that is tried beside the one in use; the errors are those of `find_current`."""
    return _find_named(storage, CHALLENGER, model_type, scope)


def set_challenger(storage: Storage, version: ModelVersion, *, now: datetime) -> None:
    """Try a version from now on; the errors are those of `set_current`."""
    _name(storage, CHALLENGER, version, now)


def clear_challenger(storage: Storage, model_type: str, scope: str = GLOBAL) -> None:
    """Try no version from now on; doing it twice is no error."""
    storage.delete(f"{find_place(require_type(model_type), require_scope(scope))}{CHALLENGER}")


def _find_named(storage: Storage, alias: str, model_type: str, scope: str) -> ModelVersion | None:
    known, where = require_type(model_type), require_scope(scope)
    key = f"{find_place(known, where)}{alias}"
    try:
        content = _read(storage, key)
    except ObjectNotFoundError:
        return None
    named = _parse(Alias, content, key, "what names the version")
    return name_version(known, where, named.version, named.moment)


def _name(storage: Storage, alias: str, version: ModelVersion, now: datetime) -> None:
    get_manifest(storage, version)
    named = Alias(version=version.version, moment=version.moment, since=now)
    key = f"{find_place(version.model_type, version.scope)}{alias}"
    storage.put(key, io.BytesIO(named.model_dump_json().encode()), overwrite=True)


def _read(storage: Storage, key: str) -> bytes:
    return b"".join(storage.read(key))


def _parse(kind: type[Content], content: bytes, name: str, what: str) -> Content:
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise ModelDamagedError(name, f"{what} cannot be understood.") from error
