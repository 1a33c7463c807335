"""Bringing a database up to date, and refusing to work on one that is not."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from bugflow.core.database import Database
from bugflow.core.errors import ConflictError

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


def _build_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def head_version() -> str:
    """Return the schema version that this BugFlow needs."""
    version = ScriptDirectory.from_config(_build_config()).get_current_head()
    if version is None:
        raise RuntimeError("This installation of BugFlow lacks its migrations. Install it again.")
    return version


def find_schema_version(database: Database) -> str | None:
    """Return the database's schema version, or none if it is empty."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_current_schema(database: Database) -> None:
    """Refuse a database of another schema.

    Raises:
        SchemaOutdatedError: It is empty, older or newer.
    """
    found, wanted = find_schema_version(database), head_version()
    if found != wanted:
        raise SchemaOutdatedError(found, wanted)


def upgrade_schema(database: Database) -> None:
    """Bring the database to this version's schema, in one transaction; several processes may try at once."""
    with database.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
        command.upgrade(_build_config(connection), "head")
