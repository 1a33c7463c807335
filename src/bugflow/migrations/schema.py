"""Bringing a database up to date, and refusing to work on one that is not."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from bugflow.core.database import Database
from bugflow.core.errors import ConflictError

VERSIONS = ("0001", "0002")
"""Every schema version, oldest first; written down here, since asking Alembic would slow down each start."""

UPGRADE_LOCK = 726_178_230
"""Key of the PostgreSQL advisory lock that lets one process upgrade at a time."""


class SchemaOutdatedError(ConflictError):
    """The database has another schema than this version of BugFlow."""

    def __init__(self, found: str | None, wanted: str) -> None:
        if found is None:
            message = f"The database is empty; this version of BugFlow needs schema {wanted}. Run `bugflow db upgrade`."
        else:
            message = (
                f"The database has schema {found}, this version of BugFlow needs {wanted}. "
                "Back it up (`bugflow backup`), then run `bugflow db upgrade`; "
                "if the database is the newer one, install the newer BugFlow."
            )
        super().__init__(message)


def head_version() -> str:
    """Return the schema version that this BugFlow needs."""
    return VERSIONS[-1]


def known_versions() -> tuple[str, ...]:
    """Return every schema version that this BugFlow can upgrade from, oldest first."""
    return VERSIONS


def find_schema_version(database: Database) -> str | None:
    """Return the database's schema version, or none if it is empty."""
    with database.engine.execution_options(read_only=True).connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def require_current_schema(database: Database) -> None:
    """Refuse a database of another schema.

    Raises:
        SchemaOutdatedError: It is empty, older or newer.
    """
    found, wanted = find_schema_version(database), head_version()
    if found != wanted:
        raise SchemaOutdatedError(found, wanted)


def migrate_connection(connection: Connection, version: str = "head") -> None:
    """Bring the database to a schema version, in the transaction of a connection."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
    from alembic import command  # noqa: PLC0415 -- Loading it takes long, and only an upgrade needs it.
    from alembic.config import Config  # noqa: PLC0415 -- The same.

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def upgrade_schema(database: Database) -> None:
    """Bring the database to this version's schema, in one transaction; several processes may try at once."""
    with database.engine.begin() as connection:
        migrate_connection(connection)
