"""Which of the records in the files are imported: one for each issue, kept outside memory until it is written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from bugflow.tracker.imports.packing import pack, unpack
from bugflow.tracker.imports.places import derive_project_key, issue_key
from bugflow.tracker.imports.records import ImportedIssue, NotCarried
from bugflow.tracker.imports.spool import Spool, open_spool

BATCH = 250
BATCH_CHARACTERS = 16_000_000
"""A batch ends earlier where it has as much: several of it are in memory at once."""
LONGEST_ISSUE_KEY = 60
TABLES = (
    "CREATE TABLE keys (key TEXT PRIMARY KEY, source_id TEXT) WITHOUT ROWID",
    "CREATE TABLE issues (id INTEGER PRIMARY KEY, source_id TEXT UNIQUE, has_links INTEGER, body TEXT)",
)
INSERT = (
    "INSERT INTO issues (source_id, has_links, body) VALUES (?, ?, ?) "
    "ON CONFLICT (source_id) DO UPDATE SET has_links = excluded.has_links, body = excluded.body"
)


class ChosenIssues:
    """The issues that are imported, each once, in the order in which the files have them.

    Attributes:
        count: How many there are.
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.count = 0

    def choose(self, read: Iterable[ImportedIssue], project_key: str | None, left: NotCarried) -> None:
        """Keep one record for each issue, the last that the files have, under one key each."""
        for record in read:
            key = issue_key(record, project_key or derive_project_key(record.project_key))
            if len(key) > LONGEST_ISSUE_KEY:
                what = f"issues whose key is longer than {LONGEST_ISSUE_KEY} characters"
                left.add(what, f"{key[:LONGEST_ISSUE_KEY]}…")
            elif self._find_owner(key, record.source_id) != record.source_id:
                left.add("issues whose key another issue in the files has", key)
            else:
                self._spool.run(INSERT, record.source_id, bool(record.links), pack(record))
        [(self.count,)] = self._spool.rows("SELECT count(*) FROM issues")

    def _find_owner(self, key: str, source_id: str) -> str:
        self._spool.run("INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", key, source_id)
        [(owner,)] = self._spool.rows("SELECT source_id FROM keys WHERE key = ?", key)
        return str(owner)

    def find(self, key: str) -> tuple[int, ImportedIssue] | None:
        """Return the issue that has a key in the files, with the place at which its turn comes."""
        query = "SELECT issues.id, body FROM keys JOIN issues USING (source_id) WHERE key = ?"
        return next(((number, unpack(body)) for number, body in self._spool.rows(query, key)), None)

    def batches(self, *, only_linked: bool = False) -> Iterator[tuple[int, list[ImportedIssue]]]:
        """Yield all issues, or those with links, in batches, each with how many have come with it."""
        done, characters, batch = 0, 0, list[ImportedIssue]()
        condition = "WHERE has_links" if only_linked else ""
        for (body,) in self._spool.rows(f"SELECT body FROM issues {condition} ORDER BY id"):  # noqa: S608 -- Constants.
            batch.append(unpack(body))
            characters += len(body)
            if len(batch) == BATCH or characters > BATCH_CHARACTERS:
                done += len(batch)
                yield done, batch
                batch, characters = [], 0
        if batch:
            yield done + len(batch), batch


@contextmanager
def open_choice() -> Iterator[ChosenIssues]:
    """Give room for the issues of one import."""
    with open_spool(TABLES) as spool:
        yield ChosenIssues(spool)
