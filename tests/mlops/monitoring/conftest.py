"""A storage with versions, a database with people, and predictions of what is in use."""

from pathlib import Path

import pytest

from bugflow.core.database import Database
from factories.watchtower import Watchtower


@pytest.fixture
def tower(database: Database, tmp_path: Path) -> Watchtower:
    return Watchtower(database, tmp_path)
