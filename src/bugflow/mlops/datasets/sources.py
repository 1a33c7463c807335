"""What a source is, told by what it holds: our database, a table, an export, a dump of the GitHub archive."""

import gzip
import hashlib
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from bugflow.core.database import Database
from bugflow.mlops.datasets.archive import read_archives
from bugflow.mlops.datasets.columns import read_csv, read_json, read_parquet
from bugflow.mlops.datasets.errors import SourceError
from bugflow.mlops.datasets.exports import read_exports
from bugflow.mlops.datasets.issues import read_issues
from bugflow.mlops.datasets.rows import Account, Batch, Options, gather_batches
from bugflow.tracker.accounts.actor import Actor
from bugflow.tracker.imports.csv_tables import is_table
from bugflow.tracker.imports.errors import ImportFileError, UnreadableFileError
from bugflow.tracker.imports.json_files import JsonFile
from bugflow.tracker.imports.text_files import PIECE_BYTES, Opener, TextFile, iterate_lines, recognise

Kind = Literal["database", "parquet", "csv", "json", "archive", "github", "jira", "bugzilla", "bugflow"]
DATABASE = "database"
EXPORTS = frozenset({"github", "jira", "bugzilla", "bugflow"})
PARQUET_MARK, GZIP_MARK, WIDE_MARKS = b"PAR1", b"\x1f\x8b", (b"\xff\xfe", b"\xfe\xff")
HEAD_BYTES = 4096
LONGEST_LOOKED_AT = 1_000_000
MOST_CONTROLS = 0.05
"""Share of control characters from which on a file is no text."""
_CONTROLS = bytes(each for each in range(32) if each not in b"\t\n\f\r\x1b")
_GITHUB = (
    {"number", "repository_url"},
    {"number", "html_url", "title"},
    {"issue_url", "body"},
    {"event", "commit_id"},
    {"event", "issue", "actor"},
)
_TELLING: tuple[tuple[Kind, tuple[set[str], ...]], ...] = (
    ("archive", ({"type", "payload"},)),
    ("jira", ({"key", "fields"}, {"issues"})),
    ("github", _GITHUB),
    ("bugzilla", ({"id", "summary", "creation_time"}, {"bugs"})),
    ("bugflow", ({"key", "title", "uuid", "project_id"},)),
)
"""Which names an object of each kind has."""
_CERTAIN = tuple((kind, sets[1:]) for kind, sets in _TELLING if kind in {"jira", "bugzilla"})
"""Which a single name tells, so that a long file need not be read to its end."""
MOST_NAMES = 200
_CSV_TELLING: tuple[tuple[Kind, tuple[set[str], ...]], ...] = (
    ("jira", ({"issue key", "summary"},)),
    ("bugzilla", ({"bug_id", "short_desc"}, {"bug id", "summary"})),
)


@dataclass(frozen=True)
class Source:
    """Where reports come from: files that are read together, or the database, which has none."""

    name: str
    kind: Kind
    paths: tuple[Path, ...] = ()

    @property
    def size_bytes(self) -> int:
        """How large the files are; 0 for the database."""
        return sum(path.stat().st_size for path in self.paths)


def recognise_sources(names: Sequence[str], columns: Mapping[str, str]) -> list[Source]:
    """Return what the sources are; all exports of one tracker are one, since their files belong together.

    Raises:
        UnreadableFileError: A file is not there or cannot be read.
        SourceError: A file is none that can be read.
    """
    found: dict[str, Source] = {}
    for name in names:
        if name == DATABASE:
            found[DATABASE] = Source(name, "database")
            continue
        path = Path(name)
        kind = _recognise(path, columns)
        are_together = kind in EXPORTS or kind == "archive"
        together = kind if are_together else str(path)
        source = found.setdefault(together, Source(kind if are_together else path.name, kind))
        if path not in source.paths:
            found[together] = replace(source, paths=(*source.paths, path))
    return _tell_apart(list(found.values()))


def _tell_apart(sources: list[Source]) -> list[Source]:
    """Return them with a number behind names that several have."""
    times: Counter[str] = Counter()
    apart = []
    for source in sources:
        times[source.name] += 1
        number = times[source.name]
        apart.append(source if number == 1 else replace(source, name=f"{source.name} ({number})"))
    return apart


def _recognise(path: Path, columns: Mapping[str, str]) -> Kind:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if head.startswith(PARQUET_MARK):
            return "parquet"
        if head.startswith(GZIP_MARK):
            with gzip.open(path) as packed:
                head = packed.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(path, getattr(error, "strerror", None) or str(error)) from error
    if not head.strip():
        raise SourceError(path.name, "it is empty.")
    is_wide = head.startswith(WIDE_MARKS)
    if not is_wide and len(head) - len(head.translate(None, _CONTROLS)) > MOST_CONTROLS * len(head):
        raise SourceError(path.name, "it is neither Parquet nor text.")
    try:
        return _recognise_text(open_text(path), columns)
    except ImportFileError as error:
        raise SourceError(path.name, str(error)) from error


def _recognise_text(file: TextFile, columns: Mapping[str, str]) -> Kind:
    if is_table(file):
        first = file.beginning(length=LONGEST_LOOKED_AT, until="\n").lower()
        present = {cell.strip(' "\r') for cell in first.replace(";", ",").replace("\t", ",").split(",")}
        return "csv" if _named(columns) & present else _tell(present, _CSV_TELLING, "csv")
    present = _find_names(file)
    return "json" if _named(columns) & {each.lower() for each in present} else _tell(present, _TELLING, "json")


def _named(columns: Mapping[str, str]) -> set[str]:
    return {theirs.strip().lower() for theirs in columns.values()}


def _tell(present: set[str], telling: tuple[tuple[Kind, tuple[set[str], ...]], ...], otherwise: Kind) -> Kind:
    found = next((kind for kind, sets in telling if any(names <= present for names in sets)), otherwise)
    # Comments of GitHub's are kept by the number of their issue.
    return "github" if found == "json" and present and all(map(str.isdecimal, present)) else found


def _find_names(file: TextFile) -> set[str]:
    """Return the names in the first object: of the file itself, of its list, or of its first line."""
    read = JsonFile(file, "JSON")
    if not read.has_lines and read.opening == "{":
        present = set[str]()
        for name in read.text.members():
            present.add(name)
            if len(present) == MOST_NAMES or _tell(present, _CERTAIN, "json") != "json":
                break
            read.text.skip()
        return present
    for element in read.elements(unless="it should hold a list of reports"):
        value: Any = element.value()
        return set(value) if isinstance(value, dict) else set()
    return set()


def open_text(path: Path) -> TextFile:
    """Return a file as text, unpacked where it is packed by gzip; its letters are told by its first bytes."""
    with path.open("rb") as file:
        head = file.read(len(GZIP_MARK))
    opener: Opener = partial(_unpack if head == GZIP_MARK else _read, path)
    return TextFile(opener, "utf-16" if head.startswith(WIDE_MARKS) else "utf-8-sig")


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error


def _unpack(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) as packed:
            while piece := packed.read(PIECE_BYTES):
                yield piece
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(path, getattr(error, "strerror", None) or str(error)) from error


class Reading:
    """How much of a source's files was read."""

    def __init__(self, source: Source) -> None:
        self._total = max(1, source.size_bytes)
        self._done = 0

    def follow(self, file: TextFile) -> TextFile:
        """Return a file that is counted while it is read."""
        return replace(file, opener=partial(self._count, file.opener))

    def _count(self, opener: Opener) -> Iterator[bytes]:
        for piece in opener():
            self._done += len(piece)
            yield piece

    def share(self) -> float:
        """Return about which share was read, in [0, 1]."""
        return min(1.0, self._done / self._total)


def read_source(
    source: Source, options: Options, account: Account, *, database: Database | None, viewer: Actor
) -> Iterator[Batch]:
    """Yield the reports of a source.

    Args:
        source: Which.
        options: What its columns are called, and which issues of the database are wanted.
        account: Where what is left out is counted.
        database: Needed for the source that is the database.
        viewer: As who the database is read.

    Raises:
        SourceError: It cannot be read as what it looks like.
        UnreadableFileError: A file cannot be read.
    """
    if source.kind == "database":
        if database is None:
            raise SourceError(DATABASE, "no database is open.")
        yield from read_issues(database, viewer, options.query, as_of=options.as_of)
    elif source.kind == "parquet":
        yield from read_parquet(source.paths[0], options.columns)
    elif source.kind in EXPORTS:
        yield from read_exports(source.kind, source.paths, account)
    else:
        yield from _read_texts(source, options, account)


def _read_texts(source: Source, options: Options, account: Account) -> Iterator[Batch]:
    reading = Reading(source)
    if source.kind == "archive":
        lines = (line for path in source.paths for line in _read_lines(path, reading))
        yield from read_archives(lines, account, tell_done=reading.share)
        return
    read = read_csv if source.kind == "csv" else read_json
    try:
        file = reading.follow(recognise(open_text(source.paths[0]).opener))
        records = read(source.name, file, options.columns, account)
        yield from gather_batches(records, reading.share)
    except ImportFileError as error:
        raise SourceError(source.name, str(error)) from error


def _read_lines(path: Path, reading: Reading) -> Iterator[str]:
    file = reading.follow(open_text(path))
    yield from iterate_lines(file.chunks(), path.name, newline="\n")


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        UnreadableFileError: It cannot be read.
    """
    digest = hashlib.sha256()
    for piece in _read(path):
        digest.update(piece)
    return digest.hexdigest()
