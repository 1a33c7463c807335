"""Running an import: batch by batch, each committed, so that a killed one goes on where it was."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from sqlalchemy.orm import Session

from bugflow.core.clock import utc_now
from bugflow.core.database import Database
from bugflow.core.errors import InvalidError
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.accounts.roles import Permission
from bugflow.tracker.audit.service import record_audit
from bugflow.tracker.imports.choosing import ChosenIssues, open_choice
from bugflow.tracker.imports.errors import ImportFileError
from bugflow.tracker.imports.linking import write_links
from bugflow.tracker.imports.people import find_accounts
from bugflow.tracker.imports.places import Places, derive_project_key
from bugflow.tracker.imports.planning import plan_import
from bugflow.tracker.imports.report import ImportReport
from bugflow.tracker.imports.sources import NAMES, READERS
from bugflow.tracker.imports.text_files import ExportFile, TextFile, recognise
from bugflow.tracker.imports.writing import write_batch

ProgressCallback = Callable[[float], None]


class UnknownSourceError(InvalidError):
    """A tracker that BugFlow does not read."""

    def __init__(self, source: str) -> None:
        super().__init__(f"BugFlow does not import from {source!r}. It reads: {', '.join(READERS)}.")


def run_import(
    database: Database,
    source: str,
    files: Sequence[ExportFile],
    *,
    project_key: str | None,
    dry_run: bool,
    actor: Actor,
    people: Mapping[str, str] = MappingProxyType({}),
    progress: ProgressCallback = lambda _: None,
) -> ImportReport:
    """Import files of one tracker, or with `dry_run` say what that would do.

    `people` gives the e-mail address of the account here of a login or address there.

    This is an edge: each batch is a transaction of its own. Running it again, also after a kill, doubles nothing.

    Raises:
        UnknownSourceError: BugFlow does not read this tracker.
        ImportFileError: A file is not the export it should be.
        NoRoomForImportError: There is no room for what was read until it is written.
        PeopleFileError: An account of `people` is not here.
        MissingPermissionError: The actor may not import.
    """
    actor.require(Permission.MANAGE_IMPORTS)
    require_source(source)
    report = ImportReport(source=source, dry_run=dry_run)
    key = None if project_key is None else derive_project_key(project_key)
    namespace = source if key is None else f"{source}:{key}"
    texts = [recognise(file) for file in files]
    for number, text in enumerate(texts, start=1):
        if text.is_guessed:
            report.left.add("certainty about letters: files that are not UTF-8, read as Latin-1", f"file {number}")
    with open_choice() as issues:
        _choose(issues, source, texts, key, report)
        with database.snapshot() as session:
            accounts = find_accounts(session, people)
        open_places = partial(
            Places, namespace=namespace, project_key=key, actor=actor, now=utc_now(), accounts=accounts
        )
        if dry_run:
            plan_import(database, issues, report, open_places, namespace)
            return report
        _write(database, issues, report, open_places, namespace, progress)
    with database.transaction() as session:
        record_audit(
            session, actor, "import.finished", subject=("import", source), now=utc_now(), after=report.to_json()
        )
    return report


def _choose(
    issues: ChosenIssues, source: str, files: Sequence[TextFile], project_key: str | None, report: ImportReport
) -> None:
    try:
        issues.choose(READERS[source](files, report.left), project_key, report.left)
    except RecursionError as error:
        raise ImportFileError(NAMES[source], "it is nested too deeply") from error


def _write(
    database: Database,
    issues: ChosenIssues,
    report: ImportReport,
    open_places: Callable[[Session], Places],
    namespace: str,
    progress: ProgressCallback,
) -> None:
    steps = 2 * issues.count or 1
    for done, batch in issues.batches():
        with database.transaction() as session:
            write_batch(session, batch, open_places(session), namespace=namespace, report=report, now=utc_now())
        progress(done / steps)
    for done, batch in issues.batches(only_linked=True):
        with database.transaction() as session:
            write_links(session, batch, open_places(session), namespace=namespace, report=report, now=utc_now())
        progress((issues.count + done) / steps)
    progress(1.0)


def require_source(source: str) -> None:
    """Refuse a tracker that is not read.

    Raises:
        UnknownSourceError: It is none of the known ones.
    """
    if source not in READERS:
        raise UnknownSourceError(source)
