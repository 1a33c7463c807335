"""The whole examination, group by group; one that breaks off hides no other."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from bugflow.core.database import Database, open_database, read_reason
from bugflow.core.errors import BugFlowError
from bugflow.core.jobs.definition import JobRegistry
from bugflow.core.settings import Settings
from bugflow.core.storage import open_storage
from bugflow.migrations import find_schema_version, head_version
from bugflow.operation.doctor.database import examine_contents, examine_database, find_missing_file
from bugflow.operation.doctor.encoder import examine_encoder
from bugflow.operation.doctor.files import examine_attachments, examine_storage
from bugflow.operation.doctor.findings import Finding, fail, note
from bugflow.operation.doctor.models import examine_models
from bugflow.operation.doctor.services import examine_broker, examine_jobs, examine_mail
from bugflow.operation.doctor.settings import examine_home, examine_program, examine_settings
from bugflow.operation.doctor.vectors import examine_vectors

GROUPS = (
    "program",
    "settings",
    "home",
    "database",
    "contents",
    "storage",
    "attachments",
    "models",
    "broker",
    "jobs",
    "mail",
    "encoder",
)
NEED_DATABASE = frozenset({"contents", "attachments", "models", "jobs"})
DATABASE_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Examination:
    """What is to be examined, and how.

    Attributes:
        environment: The process's variables.
        deep: Look at every file and row rather than at some.
        recipient: Where a test mail goes.
    """

    settings: Settings
    registry: JobRegistry
    environment: Mapping[str, str]
    deep: bool = False
    recipient: str | None = None

    def run(self, groups: tuple[str, ...] = GROUPS) -> Iterator[tuple[str, Finding]]:
        """Yield what is found, with the name of its group."""
        with self._open_database() as database:
            for group in groups:
                yield from ((group, finding) for finding in self._examine(group, database))

    @contextmanager
    def _open_database(self) -> Iterator[Database | None]:
        """Open the database, or give none: the group `database` says why."""
        try:
            missing = find_missing_file(self.settings) is not None
            database = (
                None
                if missing
                else open_database(
                    self.settings.resolved_database_url, timeout_seconds=DATABASE_TIMEOUT_SECONDS, pool_size=2
                )
            )
        except BugFlowError:
            database = None
        try:
            yield database
        finally:
            if database is not None:
                database.dispose()

    def _examine(self, group: str, database: Database | None) -> Iterator[Finding]:
        try:
            if group in NEED_DATABASE and not _is_usable(database):
                yield note(group, "not examined, because the database cannot be used")
                return
            yield from self._steps(database)[group]()
        except BugFlowError as error:
            yield fail(group, *_split(str(error)))
        except SQLAlchemyError as error:
            yield fail(
                group, f"the database does not answer: {read_reason(error)}", "Start it, or check BUGFLOW_DATABASE_URL."
            )
        except OSError as error:
            yield fail(group, error.strerror or str(error), "Check the disk and the rights of its folders.")

    def _steps(self, database: Database | None) -> dict[str, Callable[[], Iterator[Finding]]]:
        settings = self.settings
        steps: dict[str, Callable[[], Iterator[Finding]]] = {
            "program": examine_program,
            "settings": lambda: examine_settings(settings, self.environment),
            "home": lambda: examine_home(settings),
            "database": self._examine_missing_database,
            "storage": lambda: examine_storage(settings, open_storage(settings.resolved_storage_url)),
            "broker": lambda: examine_broker(settings),
            "mail": lambda: examine_mail(settings, recipient=self.recipient),
            "encoder": lambda: examine_encoder(settings),
        }
        if database is not None:
            steps |= {
                "database": lambda: examine_database(database, deep=self.deep),
                "contents": lambda: self._examine_contents(database),
                "attachments": lambda: self._examine_attachments(database),
                "models": lambda: self._examine_models(database),
                "jobs": lambda: self._examine_jobs(database),
            }
        return steps

    def _examine_missing_database(self) -> Iterator[Finding]:
        missing = find_missing_file(self.settings)
        if missing is not None:
            yield fail("database", f"{missing} does not exist", "`bugflow serve` makes it; or check BUGFLOW_HOME.")
            return
        open_database(self.settings.resolved_database_url)  # Raises, and says why.

    def _examine_contents(self, database: Database) -> Iterator[Finding]:
        with database.snapshot() as session:
            yield from examine_contents(session)
            yield from examine_vectors(session, self.settings)

    def _examine_models(self, database: Database) -> Iterator[Finding]:
        with database.snapshot() as session:
            storage = open_storage(self.settings.resolved_storage_url)
            yield from examine_models(session, storage, deep=self.deep)

    def _examine_attachments(self, database: Database) -> Iterator[Finding]:
        with database.snapshot() as session:
            storage = open_storage(self.settings.resolved_storage_url)
            yield from examine_attachments(session, storage, deep=self.deep)

    def _examine_jobs(self, database: Database) -> Iterator[Finding]:
        with database.snapshot() as session:
            yield from examine_jobs(session, self.registry)


def _is_usable(database: Database | None) -> bool:
    try:
        return database is not None and find_schema_version(database) == head_version()
    except SQLAlchemyError:
        return False


def _split(message: str) -> tuple[str, str]:
    """Return the first sentence of an error, and the rest as advice."""
    found, _, advice = message.partition(". ")
    return found.rstrip("."), advice
