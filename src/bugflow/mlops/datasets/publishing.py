"""Keeping in the storage what a model learned from: a data set that never changes, named by its content."""

import json
from datetime import datetime
from pathlib import Path

from bugflow.core.storage import ObjectExistsError, Storage
from bugflow.mlops.datasets.folder import DATA, MANIFEST
from bugflow.mlops.registry.versions import require_scope, write_moment

ROOT = "ml_datasets"
SHOWN = 12
"""Characters of a hash that names a data set."""


def publish_dataset(storage: Storage, folder: Path, *, scope: str, now: datetime) -> str:
    """Keep a prepared data set and return the prefix of its keys; one of the same content is kept once.

    Its manifest comes last: where that is, the data are whole.

    Raises:
        ModelNameError: The scope is neither `global` nor a project's UUID.
        StorageUnavailableError: The storage is full or does not answer.
    """
    content = json.loads((folder / MANIFEST).read_text("utf-8"))["data"]["content_sha256"]
    place = f"{ROOT}/{require_scope(scope)}/"
    ending = f"_{content[:SHOWN]}/{MANIFEST}"
    for key in storage.list_keys(place):
        if key.endswith(ending):
            return key.removesuffix(f"/{MANIFEST}")
    prefix = f"{place}{write_moment(now)}_{content[:SHOWN]}"
    for name in (DATA, MANIFEST):
        with (folder / name).open("rb") as stream:
            try:
                storage.put(f"{prefix}/{name}", stream)
            except ObjectExistsError:  # Another training keeps the same at this moment.
                continue
    return prefix
