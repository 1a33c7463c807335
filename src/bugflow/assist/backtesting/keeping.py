"""Results of back-tests in the storage."""

import io
import json
from typing import Any
from uuid import UUID

from bugflow.core.storage import Storage


def key_result(project_uuid: UUID, backtest_id: UUID) -> str:
    """Return under which key a result is kept."""
    return f"backtests/{project_uuid}/{backtest_id}.json"


def keep_result(storage: Storage, key: str, *, report: str, result: dict[str, Any]) -> None:
    """Keep a result, over one that a killed job has left.

    Raises:
        StorageUnavailableError: The storage is full or does not answer.
    """
    content = json.dumps({"report": report, "result": result}, ensure_ascii=False).encode()
    storage.put(key, io.BytesIO(content), overwrite=True)


def read_result(storage: Storage, key: str) -> dict[str, Any]:
    """Return a result: `report` for people, and `result` for programs.

    Raises:
        ObjectNotFoundError: There is none.
        StorageUnavailableError: The storage does not answer.
    """
    found: dict[str, Any] = json.loads(b"".join(storage.read(key)))
    return found
