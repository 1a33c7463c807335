"""Reports out of other trackers' exports, and out of ours, by the readers of the import."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bugflow.mlops.datasets.errors import SourceError
from bugflow.mlops.datasets.rows import Account, Batch, Change, Record, gather_batches, hide_person, read_as_filed
from bugflow.tracker.imports.errors import ImportFileError, NoRoomForImportError
from bugflow.tracker.imports.records import ImportedIssue, NotCarried
from bugflow.tracker.imports.sources import NAMES, READERS
from bugflow.tracker.imports.text_files import open_paths

READ = frozenset({"title", "description", "issue_type"})


def read_exports(kind: str, paths: Sequence[Path], account: Account) -> Iterator[Batch]:
    """Yield the issues of files of one tracker, which may be in any order; what they cannot carry is counted.

    Title and description are rolled back where the export has their history; labels are the last ones.

    Raises:
        SourceError: A file is not the export it looks like.
        UnreadableFileError: A file cannot be read.
    """
    left = NotCarried()
    with open_paths(paths) as files:
        try:
            yield from gather_batches(map(_read_issue, READERS[kind](files, left)))
        except ImportFileError as error:
            raise SourceError(", ".join(path.name for path in paths), str(error)) from error
        except RecursionError as error:
            raise SourceError(", ".join(path.name for path in paths), "it is nested too deeply.") from error
        except NoRoomForImportError as error:
            raise SourceError(NAMES[kind], f"{error.__cause__}. Make room in the folder of temporary files.") from error
    account.not_carried.update({f"{NAMES[kind]}: {what}": count for what, count in left.counts.items() if count})


def _read_issue(issue: ImportedIssue) -> Record:
    made = (each for each in issue.changes if each.field in READ)
    changes = [
        Change(each.field, each.at, each.old, each.new) for each in sorted(made, key=lambda each: each.at.timestamp())
    ]
    return {
        "issue_id": issue.source_id,
        "project": issue.project_key,
        "title": read_as_filed(issue.title, "title", changes),
        "description": read_as_filed(issue.description, "description", changes),
        "stack_trace": issue.stack_trace,
        "severity": issue.severity,
        "team": issue.team,
        "component": issue.component,
        "priority": issue.priority,
        "issue_type": issue.issue_type,
        "reporter": hide_person(issue.reporter.login),
        "created_at": issue.created_at,
    }
