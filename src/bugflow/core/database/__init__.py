"""The database: one engine per process, one session per request or job, SQLite or PostgreSQL."""

from bugflow.core.database.engine import Database, open_database
from bugflow.core.database.reasons import read_reason
from bugflow.core.database.tables import Table
from bugflow.core.database.types import Json, UtcDateTime

__all__ = ["Database", "Json", "Table", "UtcDateTime", "open_database", "read_reason"]
