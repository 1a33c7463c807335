"""A whole version in one file, to be taken elsewhere."""

import zipfile
from pathlib import Path
from typing import BinaryIO

from bugflow.core.storage import Storage
from bugflow.mlops.registry.fetching import fetch_model
from bugflow.mlops.registry.store import get_manifest
from bugflow.mlops.registry.versions import MANIFEST, ModelVersion

MEDIA_TYPE = "application/zip"
_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)
"""What a ZIP file can say at the earliest: the same version gives the same bytes."""


def pack_version(storage: Storage, version: ModelVersion, target: BinaryIO, *, cache_folder: Path) -> None:
    """Write a version as a ZIP file: its files as they were published, each of which is verified, and its manifest.

    Raises:
        ModelNotFoundError: There is no such version.
        ModelDamagedError: A file is missing in the storage, or is not what was published.
        ModelNotFetchedError: There is no room on this machine.
        StorageUnavailableError: The storage does not answer.
    """
    manifest = get_manifest(storage, version)
    folder = fetch_model(storage, version, cache_folder)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in manifest.files:
            archive.writestr(_describe(file.path), (folder / file.path).read_bytes())
        archive.writestr(_describe(MANIFEST), manifest.model_dump_json(indent=1))


def name_pack(version: ModelVersion) -> str:
    """Return a name for the file."""
    return f"{version.name.replace('/', '-')}.zip"


def _describe(path: str) -> zipfile.ZipInfo:
    described = zipfile.ZipInfo(path, _FIRST_MOMENT)
    described.compress_type = zipfile.ZIP_DEFLATED
    described.external_attr = 0o644 << 16
    return described
