"""Bringing a published model to this machine, whole or not at all."""

import hashlib
import shutil
from pathlib import Path
from uuid import uuid4

from bugflow.core.storage import ObjectNotFoundError, Storage, StorageKeyError
from bugflow.core.storage.contract import require_key
from bugflow.ml.artifacts import hash_file
from bugflow.mlops.registry.errors import ModelDamagedError, ModelNotFetchedError
from bugflow.mlops.registry.store import get_manifest
from bugflow.mlops.registry.versions import MANIFEST, Manifest, ModelVersion, StoredFile

UNFINISHED = ".unfinished-"


def fetch_model(storage: Storage, version: ModelVersion, cache_folder: Path) -> Path:
    """Return a folder with the files of a version, each of which is what was published.

    What is in the cache already is compared with the manifest, and fetched again where it differs.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: A file is missing in the storage, or is not what was published.
        ModelNotFetchedError: There is no room on this machine, or the folder cannot be written.
        StorageUnavailableError: The storage does not answer.
    """
    manifest = get_manifest(storage, version)
    _require_safe_paths(manifest, version)
    if (found := find_fetched(version, manifest, cache_folder)) is not None:
        return found
    folder = cache_folder / version.name
    made = folder.parent / f"{UNFINISHED}{uuid4().hex}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for file in manifest.files:
            _fetch_file(storage, version, file, made / file.path)
        (made / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        _put_in_place(made, folder, manifest)
    except OSError as error:
        raise ModelNotFetchedError(version.name, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    if not _is_whole(folder, manifest):
        raise ModelDamagedError(version.name, "its copy on this machine is not what was published.")
    return folder


def find_fetched(version: ModelVersion, manifest: Manifest, cache_folder: Path) -> Path | None:
    """Return the folder of a version that is on this machine already, and whole."""
    folder = cache_folder / version.name
    return folder if _is_whole(folder, manifest) else None


def _require_safe_paths(manifest: Manifest, version: ModelVersion) -> None:
    try:
        for file in manifest.files:
            require_key(file.path)
    except StorageKeyError as error:
        raise ModelDamagedError(version.name, "its manifest names a file that cannot be stored.") from error


def _is_whole(folder: Path, manifest: Manifest) -> bool:
    return folder.is_dir() and all(_is_same(folder / file.path, file) for file in manifest.files)


def _is_same(path: Path, file: StoredFile) -> bool:
    return path.is_file() and path.stat().st_size == file.size_bytes and hash_file(path) == file.sha256


def _fetch_file(storage: Storage, version: ModelVersion, file: StoredFile, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    try:
        with target.open("wb") as written:
            for piece in storage.read(f"{version.prefix}/{file.path}"):
                digest.update(piece)
                size += len(piece)
                if size > file.size_bytes:
                    break
                written.write(piece)
    except ObjectNotFoundError as error:
        raise ModelDamagedError(version.name, f"the file {file.path} is missing.") from error
    if (size, digest.hexdigest()) != (file.size_bytes, file.sha256):
        raise ModelDamagedError(version.name, f"the file {file.path} is not what was published.")


def _put_in_place(made: Path, folder: Path, manifest: Manifest) -> None:
    """Give a finished folder its name, unless another process was faster; what is damaged is taken away before."""
    try:
        made.rename(folder)
    except OSError:
        if _is_whole(folder, manifest):
            return
        old = folder.parent / f"{UNFINISHED}{uuid4().hex}"
        folder.rename(old)
        shutil.rmtree(old, ignore_errors=True)
        made.rename(folder)
