"""What a reader makes of another tracker's export: records in our words, and an account of what they cannot carry."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bugflow.tracker.imports.text_files import ExportFile

EXAMPLES = 3
LONGEST_ID = 120


def fit_id(text: str) -> str:
    """Return a name by which a record is remembered: itself where it is short enough, else with a digest at its end."""
    if len(text) <= LONGEST_ID:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{text[: LONGEST_ID - len(digest) - 1]}~{digest}"


@dataclass(frozen=True)
class ImportedUser:
    """A person in the other tracker."""

    login: str
    name: str
    email: str | None = None


@dataclass(frozen=True)
class ImportedComment:
    """A comment in the other tracker, in Markdown."""

    source_id: str
    author: ImportedUser
    body: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ImportedChange:
    """A field that changed in the other tracker."""

    author: ImportedUser | None
    at: datetime
    field: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class ImportedLink:
    """A relation of the record to another key: duplicate_of, blocks or relates_to."""

    kind: str
    target_key: str


@dataclass(frozen=True, kw_only=True)
class ImportedIssue:
    """An issue of the other tracker, in our words. Keys are as that tracker or its project names them."""

    source_id: str
    key: str
    project_key: str
    project_name: str
    title: str
    description: str
    reporter: ImportedUser
    created_at: datetime
    updated_at: datetime
    stack_trace: str = ""
    environment: str = ""
    restricted: bool = False
    team: str | None = None
    issue_type: str = "bug"
    status: str = "open"
    resolution: str | None = None
    severity: str | None = None
    priority: str | None = None
    component: str | None = None
    labels: tuple[str, ...] = ()
    assignee: ImportedUser | None = None
    watchers: tuple[ImportedUser, ...] = ()
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    due_on: str | None = None
    story_points: float | None = None
    estimated_hours: float | None = None
    actual_hours: float | None = None
    url: str | None = None
    comments: tuple[ImportedComment, ...] = ()
    changes: tuple[ImportedChange, ...] = ()
    links: tuple[ImportedLink, ...] = ()

    def users(self) -> Iterator[ImportedUser]:
        """Yield everyone the record mentions."""
        yield self.reporter
        if self.assignee is not None:
            yield self.assignee
        yield from self.watchers
        yield from (comment.author for comment in self.comments)
        yield from (change.author for change in self.changes if change.author is not None)


@dataclass
class NotCarried:
    """What an import leaves behind, counted by kind, with a few examples each."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, example: str = "", amount: int = 1) -> None:
        """Count something that is left behind."""
        self.counts[what] += amount
        if example and len(self.examples[what]) < EXAMPLES and example not in self.examples[what]:
            self.examples[what].append(example)


class Reader(Protocol):
    """Reads the files of one kind of tracker."""

    def __call__(self, files: Sequence[ExportFile], left: NotCarried) -> Iterator[ImportedIssue]:
        """Yield the issues in the files, counting what cannot be carried."""
