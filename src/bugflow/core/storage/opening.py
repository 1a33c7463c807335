"""From an address to a storage."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from bugflow.core.storage.contract import Storage, StorageAddressError
from bugflow.core.storage.file import FileStorage
from bugflow.core.storage.memory import MemoryStorage


def open_storage(address: str) -> Storage:
    """Open the storage at `file:///PATH`, `s3://BUCKET/PREFIX?endpoint=…&region=…` or `memory://`.

    Raises:
        StorageAddressError: The address cannot be used.
        StorageUnavailableError: Its folder cannot be made, or the extra `s3` is missing.
    """
    parts = urlsplit(address)
    if parts.scheme == "file":
        if parts.netloc not in {"", "localhost"} or not parts.path:
            raise StorageAddressError(address, "a folder is written file:///PATH")
        return FileStorage(Path(unquote(parts.path)))
    if parts.scheme == "memory":
        return MemoryStorage()
    if parts.scheme == "s3" and parts.netloc:
        from bugflow.core.storage.s3 import open_s3_storage  # noqa: PLC0415 -- Only where S3 is used.

        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        if unknown := options.keys() - {"endpoint", "region"}:
            raise StorageAddressError(address, f"it has unknown options {', '.join(sorted(unknown))}")
        return open_s3_storage(
            parts.netloc, parts.path.strip("/"), endpoint=options.get("endpoint"), region=options.get("region")
        )
    raise StorageAddressError(address, f"the scheme {parts.scheme or 'nothing'!r} is not known")
