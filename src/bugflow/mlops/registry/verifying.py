"""Whether a version lies in the storage as it was published."""

from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.mlops.registry.errors import ModelDamagedError
from bugflow.mlops.registry.store import get_manifest, measure_object
from bugflow.mlops.registry.versions import ModelVersion, StoredFile


def verify_version(storage: Storage, version: ModelVersion, *, deep: bool) -> None:
    """Look whether every file of a version is there and has its size; deep: whether it has its content.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: A file is missing, or is not what was published.
        StorageUnavailableError: The storage does not answer.
    """
    for file in get_manifest(storage, version).files:
        key = f"{version.prefix}/{file.path}"
        try:
            same = storage.stat(key).size_bytes == file.size_bytes and (not deep or _is_same(storage, key, file))
        except ObjectNotFoundError as error:
            raise ModelDamagedError(version.name, f"the file {file.path} is missing.") from error
        if not same:
            raise ModelDamagedError(version.name, f"the file {file.path} is not what was published.")


def _is_same(storage: Storage, key: str, file: StoredFile) -> bool:
    return measure_object(storage, key) == (file.size_bytes, file.sha256)
