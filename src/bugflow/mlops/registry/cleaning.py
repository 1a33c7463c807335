"""What was left behind by a publication or a fetch that was broken off."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bugflow.core.storage import ObjectNotFoundError, Storage
from bugflow.mlops.registry.errors import ModelNameError
from bugflow.mlops.registry.fetching import UNFINISHED
from bugflow.mlops.registry.versions import MANIFEST, ROOT, ModelVersion, read_moment, read_name

OLD = timedelta(days=1)
"""What is younger may be on its way still."""


@dataclass(frozen=True, slots=True)
class HalfPublished:
    """A version whose manifest was never written, so that nobody lists or loads it.

    Attributes:
        keys: Of what lies in the storage.
    """

    version: ModelVersion
    keys: tuple[str, ...]


def list_half_published(storage: Storage, *, now: datetime, older_than: timedelta = OLD) -> list[HalfPublished]:
    """Return the versions that were begun so long ago and never finished, of every type and scope.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    found: dict[ModelVersion, list[str]] = defaultdict(list)
    for key in storage.list_keys(f"{ROOT}/"):
        version = _find_version(key)
        if version is not None:
            found[version].append(key)
    return [
        HalfPublished(version, tuple(keys))
        for version, keys in found.items()
        if f"{version.prefix}/{MANIFEST}" not in keys and _is_old(version, now - older_than)
    ]


def remove_half_published(storage: Storage, half: HalfPublished) -> bool:
    """Delete what was begun; return whether it was, which it is not where it has been finished meanwhile.

    Raises:
        StorageUnavailableError: The storage does not answer.
    """
    try:
        storage.stat(f"{half.version.prefix}/{MANIFEST}")
    except ObjectNotFoundError:
        for key in half.keys:
            storage.delete(key)
        return True
    return False


def list_leftovers(cache_folder: Path, *, now: datetime, older_than: timedelta = OLD) -> Iterator[Path]:
    """Yield the folders that fetches left on this machine when they were broken off so long ago."""
    for path in sorted(cache_folder.rglob(f"{UNFINISHED}*")):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < now - older_than:
            yield path


def remove_leftover(path: Path) -> None:
    """Delete what a fetch left behind; doing it twice is no error."""
    shutil.rmtree(path, ignore_errors=True)


def _find_version(key: str) -> ModelVersion | None:
    """Return the version that a key belongs to; none for aliases and what is not ours."""
    parts = key.removeprefix(f"{ROOT}/").split("/")
    for count in (3, 4):  # Type, then a scope or not, then version and moment.
        if len(parts) > count:
            try:
                return read_name("/".join(parts[:count]))
            except ModelNameError:
                continue
    return None


def _is_old(version: ModelVersion, before: datetime) -> bool:
    moment = read_moment(version.moment)
    return moment is not None and moment < before
