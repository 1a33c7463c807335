"""Which version was last in use on this machine, for the time when the storage does not answer."""

import os
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import structlog

from bugflow.mlops.registry.errors import ModelNameError
from bugflow.mlops.registry.fetching import find_fetched
from bugflow.mlops.registry.versions import (
    GLOBAL,
    MANIFEST,
    ROOT,
    Manifest,
    ModelVersion,
    find_place,
    read_name,
    require_scope,
    require_type,
)

log = structlog.get_logger()

NOTE = "last-used"
"""A file beside a type's fetched versions; it holds the name of the one that was loaded last."""


def remember_model(version: ModelVersion, cache_folder: Path) -> None:
    """Note that a fetched version is in use; without the note, which a full disk prevents, everything works on."""
    note = _find_note(version.model_type, version.scope, cache_folder)
    with suppress(OSError, ValueError):
        if note.read_text(encoding="utf-8") == version.name:
            return
    made = note.with_name(f".{NOTE}-{uuid4().hex}")
    try:
        with made.open("w", encoding="utf-8") as file:
            file.write(version.name)
            file.flush()
            os.fsync(file.fileno())
        made.replace(note)
    except OSError as error:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        log.warning("model_not_remembered", version=version.name, error=error.strerror or str(error))


def forget_model(model_type: str, cache_folder: Path, scope: str = GLOBAL) -> None:
    """Note that no published version is in use; doing it twice is no error."""
    with suppress(OSError):  # Where nothing can be deleted, the note is wrong only while the storage is away.
        _find_note(model_type, scope, cache_folder).unlink(missing_ok=True)


def recall_model(model_type: str, cache_folder: Path, scope: str = GLOBAL) -> tuple[ModelVersion, Path] | None:
    """Return the version that was last in use and the folder it lies in; none where there is none that is whole."""
    note = _find_note(model_type, scope, cache_folder)
    try:
        version = read_name(note.read_text(encoding="utf-8"))
        manifest = Manifest.model_validate_json((cache_folder / version.name / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, ModelNameError):
        return None
    folder = find_fetched(version, manifest, cache_folder)
    return None if folder is None or note.parent != folder.parents[1] else (version, folder)


def _find_note(model_type: str, scope: str, cache_folder: Path) -> Path:
    place = find_place(require_type(model_type), require_scope(scope))
    return cache_folder / place.removeprefix(f"{ROOT}/") / NOTE
