"""What every process does before it works: see to the database."""

from bugflow.cli.context import errors
from bugflow.core.database import open_database
from bugflow.core.settings import Settings
from bugflow.migrations import find_schema_version, require_current_schema, upgrade_schema
from bugflow.tracker.accounts.queries import has_users


def prepare_database(settings: Settings) -> None:
    """Give an empty database its tables, refuse an outdated one, and say what to do where nobody can sign in.

    Raises:
        SchemaOutdatedError: The database has another schema.
    """
    database = open_database(settings.resolved_database_url, timeout_seconds=settings.database_timeout_seconds)
    if find_schema_version(database) is None:
        upgrade_schema(database)
    require_current_schema(database)
    with database.snapshot() as session:
        if not has_users(session):
            errors.print("Nobody can sign in yet. Add the first administrator: bugflow user add", highlight=False)
    database.dispose()
