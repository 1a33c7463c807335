"""One suite that every storage passes: a folder, memory, and S3 against a local server."""

import io
import os
from collections.abc import Iterator

import pytest

from bugflow.core.storage import (
    ObjectExistsError,
    ObjectNotFoundError,
    ObjectTooLargeError,
    Storage,
    StorageAddressError,
    StorageKeyError,
    open_storage,
)
from factories.storages import KINDS, open_empty, serve_s3


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with serve_s3() as address:
        yield address


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest) -> Storage:
    return open_empty(request.param, request)


def content_of(storage: Storage, key: str) -> bytes:
    return b"".join(storage.read(key))


def test_what_is_stored_comes_back_with_its_size_and_digest(storage: Storage) -> None:
    content = os.urandom(600_000)
    stored = storage.put("a/b.bin", io.BytesIO(content))
    assert (stored.size_bytes, len(stored.sha256)) == (600_000, 64)
    assert content_of(storage, "a/b.bin") == content
    assert storage.stat("a/b.bin").size_bytes == 600_000


def test_a_stored_object_is_not_overwritten_unless_asked(storage: Storage) -> None:
    storage.put("a", io.BytesIO(b"old"))
    with pytest.raises(ObjectExistsError):
        storage.put("a", io.BytesIO(b"new"))
    assert content_of(storage, "a") == b"old"
    storage.put("a", io.BytesIO(b"new"), overwrite=True)
    assert content_of(storage, "a") == b"new"


def test_what_is_too_large_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(ObjectTooLargeError, match="10 bytes"):
        storage.put("big", io.BytesIO(b"x" * 11), max_bytes=10)
    assert list(storage.list_keys()) == []


def test_what_is_not_there_is_not_found_and_deleting_it_is_no_error(storage: Storage) -> None:
    for ask in (storage.read, storage.stat):
        with pytest.raises(ObjectNotFoundError):
            ask("nothing")
    storage.delete("nothing")


def test_keys_are_listed_by_prefix_in_order(storage: Storage) -> None:
    for key in ("b/2", "a/1", "b/1", "bc"):
        storage.put(key, io.BytesIO(b"x"))
    assert list(storage.list_keys()) == ["a/1", "b/1", "b/2", "bc"]
    assert list(storage.list_keys("b/")) == ["b/1", "b/2"]
    storage.delete("b/1")
    assert list(storage.list_keys("b/")) == ["b/2"]


@pytest.mark.parametrize(
    "key", ["", "/a", "../a", "a/../b", "a//b", ".a", "a/.b", "a\\b", "a\0", "a\n", "ä", "x" * 501]
)
def test_a_key_that_could_lead_elsewhere_is_refused(storage: Storage, key: str) -> None:
    with pytest.raises(StorageKeyError):
        storage.put(key, io.BytesIO(b"x"))
    with pytest.raises(StorageKeyError):
        storage.read(key)


@pytest.mark.parametrize("address", ["", "ftp://x", "s3://", "file://host/x", "s3://b?colour=red"])
def test_an_address_that_is_not_understood_is_refused(address: str) -> None:
    with pytest.raises(StorageAddressError, match=r"file:///PATH"):
        open_storage(address)
