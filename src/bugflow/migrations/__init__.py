"""The database's schema, version by version, and the functions that bring a database up to date."""

from bugflow.migrations.schema import (
    SchemaOutdatedError,
    find_schema_version,
    head_version,
    known_versions,
    migrate_connection,
    require_current_schema,
    upgrade_schema,
)

__all__ = [
    "SchemaOutdatedError",
    "find_schema_version",
    "head_version",
    "known_versions",
    "migrate_connection",
    "require_current_schema",
    "upgrade_schema",
]
