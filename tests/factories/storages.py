"""Every kind of storage, each empty."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from moto.server import ThreadedMotoServer

from bugflow.core.storage import Storage, open_storage

KINDS = ("file", "memory", "s3")


@contextmanager
def serve_s3() -> Iterator[str]:
    """Serve S3 on this machine until the block ends; gives its address."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def open_empty(kind: str, request: pytest.FixtureRequest) -> Storage:
    """Return an empty storage; one in S3 needs the fixture `s3_endpoint`."""
    if kind == "file":
        folder: Path = request.getfixturevalue("tmp_path")
        return open_storage((folder / "files").as_uri())
    if kind == "memory":
        return open_storage("memory://")
    import boto3  # noqa: PLC0415 -- Comes with moto.

    endpoint: str = request.getfixturevalue("s3_endpoint")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    bucket = f"bugflow-{uuid4().hex}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    return open_storage(f"s3://{bucket}/some/prefix?endpoint={endpoint}&region=us-east-1")
