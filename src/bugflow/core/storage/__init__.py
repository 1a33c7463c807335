"""Files by key: a folder, an S3 bucket or memory, chosen by an address."""

from bugflow.core.storage.contract import (
    ObjectExistsError,
    ObjectNotFoundError,
    ObjectTooLargeError,
    Storage,
    StorageAddressError,
    StorageKeyError,
    StorageUnavailableError,
    StoredObject,
)
from bugflow.core.storage.opening import open_storage

__all__ = [
    "ObjectExistsError",
    "ObjectNotFoundError",
    "ObjectTooLargeError",
    "Storage",
    "StorageAddressError",
    "StorageKeyError",
    "StorageUnavailableError",
    "StoredObject",
    "open_storage",
]
