"""Every storage, each empty."""

from collections.abc import Iterator

import pytest

from bugflow.core.storage import Storage
from factories.storages import KINDS, open_empty, serve_s3


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with serve_s3() as address:
        yield address


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest) -> Storage:
    return open_empty(request.param, request)
