"""Whether the database answers, is set up as BugFlow needs it, and holds what it should."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.database.engine import parse_database_url
from bugflow.core.settings import Settings
from bugflow.migrations import find_schema_version, head_version, known_versions
from bugflow.operation.doctor.findings import Finding, fail, warn, well
from bugflow.tracker.accounts.roles import Role
from bugflow.tracker.accounts.tables import User
from bugflow.tracker.audit.tables import AuditEntry
from bugflow.tracker.issues.text_index import count_stale_rows

APPEND_ONLY = (
    "audit_entries",
    "corrections",
    "duplicate_verdicts",
    "feature_switches",
    "gold_sets",
    "issue_changes",
    "model_changes",
)
OLDEST_POSTGRESQL = 14
MOST_SECONDS_APART = 5.0

_SQLITE_GUARDS = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
_POSTGRESQL_GUARDS = text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')")


def find_missing_file(settings: Settings) -> Path | None:
    """Return the path of the embedded database where it does not exist: opening it would make an empty one."""
    url = parse_database_url(settings.resolved_database_url)
    if url.get_backend_name() != "sqlite":
        return None
    file = Path(str(url.database)).expanduser()
    return None if file.exists() and file.stat().st_size else file


def examine_database(database: Database, *, deep: bool) -> Iterator[Finding]:
    """Look at the server or file, its integrity, its schema and its guards."""
    with database.snapshot() as session:
        if database.engine.dialect.name == "sqlite":
            yield from _examine_sqlite(session, deep=deep)
        else:
            yield from _examine_postgresql(session)
    yield (schema := _examine_schema(database))
    if not schema.advice:
        with database.snapshot() as session:
            yield _examine_guards(session)


def _examine_sqlite(session: Session, *, deep: bool) -> Iterator[Finding]:
    version, journal, keys = (
        session.scalar(text(statement))
        for statement in ("SELECT sqlite_version()", "PRAGMA journal_mode", "PRAGMA foreign_keys")
    )
    yield well("database", f"SQLite {version}, {session.get_bind().engine.url.database}")
    if journal == "wal" and keys == 1:
        yield well("database's modes", "write-ahead log and foreign keys are on")
    else:
        advice = "Keep the file on a local disk: network folders cannot hold the write-ahead log."
        yield fail("database's modes", f"journal {journal}, foreign keys {'on' if keys else 'off'}", advice)
    check = "integrity_check" if deep else "quick_check"
    problems = [str(row[0]) for row in session.execute(text(f"PRAGMA {check}(5)"))]
    if problems != ["ok"]:
        yield fail("integrity", "; ".join(problems)[:500], "Stop the server, keep the file, restore a backup.")
    elif orphan := session.execute(text("PRAGMA foreign_key_check")).first() if deep else None:
        advice = "Restore a backup, or ask for help with the file; do not delete anything."
        yield fail("integrity", f"a row of {orphan[0]} refers to one of {orphan[2]} that is missing", advice)
    else:
        yield well("integrity", f"{check.replace('_', ' ')} found nothing")


def _examine_postgresql(session: Session) -> Iterator[Finding]:
    number = int(session.scalar(text("SHOW server_version_num")) or 0)
    name, encoding = session.execute(text("SELECT current_database(), current_setting('server_encoding')")).one()
    found = f"PostgreSQL {session.scalar(text('SHOW server_version'))}, database {name}"
    if number // 10_000 < OLDEST_POSTGRESQL:
        yield warn("database", found, f"Use PostgreSQL {OLDEST_POSTGRESQL} or newer.")
    else:
        yield well("database", found)
    if encoding != "UTF8":
        yield fail("encoding", f"the database has {encoding}", "Make one with ENCODING 'UTF8' and restore a backup.")
    limit, used = session.execute(
        text("SELECT current_setting('max_connections')::int, (SELECT count(*) FROM pg_stat_activity)")
    ).one()
    if used > limit * 0.9:
        advice = "Raise max_connections, or lower BUGFLOW_DATABASE_POOL_SIZE."
        yield warn("connections", f"{used} of {limit} are in use", advice)


def _examine_schema(database: Database) -> Finding:
    found, wanted = find_schema_version(database), head_version()
    if found == wanted:
        return well("schema", found)
    if found is None:
        return fail("schema", "the database is empty", "Run `bugflow db upgrade`.")
    if found not in known_versions():
        return fail("schema", f"{found}, which a newer BugFlow made", "Install that version or a later one.")
    return fail("schema", f"{found}, needed: {wanted}", "Run `bugflow backup FILE`, then `bugflow db upgrade`.")


def _examine_guards(session: Session) -> Finding:
    if session.get_bind().dialect.name == "sqlite":
        wanted = {f"{table}_no_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")}
        found = set(session.scalars(_SQLITE_GUARDS))
    else:
        wanted, found = {f"{table}_append_only" for table in APPEND_ONLY}, set(session.scalars(_POSTGRESQL_GUARDS))
    missing = sorted(wanted - found)
    if missing:
        advice = "Somebody removed them. Find out who and why, then restore a backup into a new database."
        return fail("append-only guards", f"missing or off: {', '.join(missing)}", advice)
    return well("append-only guards", f"on {', '.join(APPEND_ONLY)}")


def examine_contents(session: Session) -> Iterator[Finding]:
    """Look at the full text, the clock and whether anybody can sign in."""
    lacking, left_over = count_stale_rows(session)
    if lacking or left_over:
        found = f"{lacking} issues cannot be found by their words, {left_over} rows belong to no issue"
        yield fail("full text", found, "Run `bugflow db reindex`; the server may go on working.")
    else:
        yield well("full text", "a row for each issue")
    yield _examine_clock(session)
    admins = select(func.count()).select_from(User).where(User.role == Role.ADMIN, User.is_active)
    count = session.scalar(admins.where(User.password_hash.is_not(None))) or 0
    if count:
        yield well("administrators", f"{count} can sign in")
    else:
        yield warn("administrators", "none can sign in", "Add one: bugflow user add")


def _examine_clock(session: Session) -> Finding:
    if session.get_bind().dialect.name == "postgresql":
        theirs = session.scalar(text("SELECT clock_timestamp()"))
        apart = abs((theirs - utc_now()).total_seconds()) if theirs else 0.0
        if apart > MOST_SECONDS_APART:
            advice = "Let both machines set their clocks (NTP)."
            return warn("clock", f"{apart:,.0f} seconds apart from the database's", advice)
    newest = session.scalar(select(AuditEntry.at).order_by(AuditEntry.id.desc()).limit(1))
    if newest is not None and (ahead := (newest - utc_now()).total_seconds()) > MOST_SECONDS_APART:
        advice = "The clock was or is wrong; let it be set (NTP)."
        return warn("clock", f"the newest entry was written {ahead:,.0f} seconds from now", advice)
    return well("clock", f"{utc_now():%Y-%m-%d %H:%M:%S} UTC")
