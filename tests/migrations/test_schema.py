from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from bugflow.core.clock import utc_now
from bugflow.core.database import Database, open_database
from bugflow.migrations import SchemaOutdatedError, find_schema_version, head_version, require_current_schema, schema
from bugflow.migrations.tables import METADATA
from bugflow.tracker.accounts.actor import build_system_actor
from bugflow.tracker.audit.service import record_audit


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
def test_the_migrations_make_exactly_the_tables_that_the_code_declares(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_name": lambda name, kind, _parents: not (kind == "table" and name.startswith("issue_text"))},
        )
        assert compare_metadata(context, METADATA) == []


def test_a_migrated_database_has_the_version_that_the_code_needs(database: Database) -> None:
    require_current_schema(database)
    assert find_schema_version(database) == head_version()


def test_the_versions_written_down_are_those_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent))
    revisions = [each.revision for each in ScriptDirectory.from_config(config).walk_revisions()]
    assert list(schema.known_versions()) == revisions[::-1]


def test_an_empty_database_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    with pytest.raises(SchemaOutdatedError, match="bugflow db upgrade"):
        require_current_schema(open_database(f"sqlite:///{tmp_path / 'empty.db'}"))


@pytest.mark.parametrize("verb", ["UPDATE audit_entries SET action = 'x'", "DELETE FROM audit_entries"])
def test_the_database_refuses_to_rewrite_the_audit_log(database: Database, verb: str) -> None:
    with database.transaction() as session:
        record_audit(session, build_system_actor("cli"), "test", subject=("user", 1), now=utc_now())
    with pytest.raises(DatabaseError, match="append-only"), database.transaction() as session:
        session.execute(text(verb))
