"""Settings for tests: cheap hashes, an own folder, no limits that a test does not ask for."""

import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bugflow.core.settings import Settings


def server_url() -> str | None:
    """Return the server to test on, or none for SQLite."""
    address = os.environ.get("BUGFLOW_TEST_DATABASE_URL")
    return address.replace("postgresql://", "postgresql+psycopg://") if address else None


def build_settings(home: Path, **overrides: Any) -> Settings:  # noqa: ANN401 -- Any setting.
    """Return settings for a test."""
    values: dict[str, Any] = {
        "home": home,
        "secret_key": SecretStr("a-secret-of-the-tests-that-is-long-enough"),
        "password_hash_time_cost": 1,
        "password_hash_memory_kib": 64,
        "rate_limit_per_minute": 100_000,
        "page_limit_per_minute": 100_000,
        "starter_models": False,
        "duplicates": False,
        "prediction_queue_seconds": 20.0,
    }
    return Settings(**(values | overrides))
