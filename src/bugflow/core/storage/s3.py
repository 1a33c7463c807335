"""Storage in an S3 bucket, or anything that speaks its protocol; needs the extra `s3`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from bugflow.core.storage.contract import (
    CHUNK_BYTES,
    ObjectExistsError,
    ObjectNotFoundError,
    Pieces,
    StorageUnavailableError,
    StoredObject,
    require_key,
)

if TYPE_CHECKING:
    from obstore import BytesStream
    from obstore.store import S3Store

SMALL_BYTES = 16 * 1024 * 1024
"""Up to this size an object is sent in one conditional request."""


def open_s3_storage(bucket: str, prefix: str, *, endpoint: str | None, region: str | None) -> "S3Storage":
    """Open a bucket. Credentials come from the AWS_* environment variables or the machine's role.

    Raises:
        StorageUnavailableError: The extra `s3` is not installed.
    """
    try:
        from obstore.store import S3Store  # noqa: PLC0415 -- The extra `s3` need not be installed.
    except ImportError as error:
        raise StorageUnavailableError("it needs the extra: pip install 'bugflow[s3]'") from error
    options: dict[str, object] = {"region": region or "us-east-1"}
    if endpoint:
        options |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    store = S3Store(
        bucket,
        prefix=prefix or None,
        client_options={"allow_http": (endpoint or "").startswith("http://"), "timeout": "30s"},
        retry_config={"max_retries": 3},
        **options,  # type: ignore[arg-type]
    )
    return S3Storage(store)


class S3Storage:
    """Objects in a bucket."""

    def __init__(self, store: "S3Store") -> None:
        self._store = store

    def put(self, key: str, stream: BinaryIO, *, max_bytes: int | None = None, overwrite: bool = False) -> StoredObject:
        """Store what the stream holds; see `Storage.put`."""
        from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415 -- As above.

        require_key(key)
        pieces = Pieces(stream, max_bytes)
        content = b"".join(pieces)
        try:
            self._store.put(key, content, mode="overwrite" if overwrite else "create", use_multipart=False)
        except AlreadyExistsError as error:
            raise ObjectExistsError(key) from error
        except BaseError as error:
            raise StorageUnavailableError(_first_line(error)) from error
        return StoredObject(key, pieces.size_bytes, pieces.sha256)

    def read(self, key: str) -> Iterator[bytes]:
        """Yield the object piece by piece; see `Storage.read`."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 -- As above.

        require_key(key)
        try:
            stream = self._store.get(key).stream(min_chunk_size=CHUNK_BYTES)
        except FileNotFoundError as error:
            raise ObjectNotFoundError(key) from error
        except BaseError as error:
            raise StorageUnavailableError(_first_line(error)) from error
        return _pieces_of(stream)

    def stat(self, key: str) -> StoredObject:
        """Return the object's size; see `Storage.stat`."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 -- As above.

        require_key(key)
        try:
            return StoredObject(key, self._store.head(key)["size"])
        except FileNotFoundError as error:
            raise ObjectNotFoundError(key) from error
        except BaseError as error:
            raise StorageUnavailableError(_first_line(error)) from error

    def delete(self, key: str) -> None:
        """Delete the object; nothing there is no error."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 -- As above.

        require_key(key)
        try:
            self._store.delete(key)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise StorageUnavailableError(_first_line(error)) from error

    def list_keys(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that begin with the prefix, sorted."""
        from obstore.exceptions import BaseError  # noqa: PLC0415 -- As above.

        folder = prefix.rsplit("/", 1)[0] if "/" in prefix else ""
        try:
            keys = sorted(entry["path"] for batch in self._store.list(folder or None) for entry in batch)
        except BaseError as error:
            raise StorageUnavailableError(_first_line(error)) from error
        return (key for key in keys if key.startswith(prefix))


def _pieces_of(stream: "BytesStream") -> Iterator[bytes]:
    """Yield what comes over the network, which may break off in the middle."""
    from obstore.exceptions import BaseError  # noqa: PLC0415 -- As above.

    try:
        for piece in stream:
            yield bytes(piece)
    except BaseError as error:
        raise StorageUnavailableError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
