"""The columns of reports as they are read and as they are written, and how many were left out on the way."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, get_args

import polars as pl

from bugflow.ml.triage.examples import Split, Target

Labelling = Literal["given", "keyword"]
LABELS: tuple[str, ...] = get_args(Target)
MOMENT = pl.Datetime("us", "UTC")
TEXTS = ("issue_id", "project", "title", "description", "stack_trace", *LABELS, "issue_type", "reporter")
RAW_SCHEMA: dict[str, Any] = dict.fromkeys(TEXTS, pl.String) | {"created_at": MOMENT}
"""What a source gives; `stack_trace` is what it keeps apart from the description."""
COLUMNS = (
    "issue_id",
    "project",
    "title",
    "description",
    "code",
    "traces",
    "severity",
    "team",
    "component",
    "priority",
    "issue_type",
    "reporter",
    "created_at",
    "split",
    "source",
)
PARTS = ("train", "valid", "test")
BATCH_ROWS = 1_000
BATCH_CHARACTERS = 8_000_000

Record = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a data set is made.

    Attributes:
        columns: What a table calls a column of ours, by our name.
        stratify: Of which label each part has the same shares; for a random split.
        least: Labels of fewer reports are taken away; 1 keeps all.
        samples: At most so many reports.
        query: Which issues of the database, in the language of the search.
        as_of: The database as it was at this moment; none for now.
    """

    labels: Labelling = "given"
    mask_keywords: bool = False
    split: Split = "time"
    stratify: Target = "severity"
    least: int = 1
    samples: int | None = None
    seed: int = 0
    keep_unlabelled: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    as_of: datetime | None = None


@dataclass(frozen=True)
class Batch:
    """Some reports as read, with the columns of `RAW_SCHEMA`; `done` is the share of all read so far, in [0, 1]."""

    frame: pl.DataFrame
    done: float
    source: str = ""


@dataclass
class Account:
    """How many reports were read of each source, what in it could not be read as one, and what was left out."""

    read: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    not_carried: Counter[str] = field(default_factory=Counter)
    labels_left: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def total(self) -> int:
        """How many there were, read or not."""
        return self.read.total() + self.unread.total()

    def list_dropped(self) -> dict[str, int]:
        """Return how many were left out by reason, the most frequent first."""
        return dict((self.unread + self.dropped).most_common())

    def describe_dropped(self) -> str:
        """Return the reasons with their numbers, the most frequent first."""
        return ", ".join(f"{reason}: {count:,}" for reason, count in self.list_dropped().items())


def gather_batches(records: Iterable[Record], tell_done: Callable[[], float] = lambda: 0.0) -> Iterator[Batch]:
    """Yield records as batches of bounded length; fields that a record lacks are null."""
    kept: list[Record] = []
    length = 0
    for record in records:
        kept.append(record)
        length += len(record.get("title") or "") + len(record.get("description") or "")
        if len(kept) >= BATCH_ROWS or length >= BATCH_CHARACTERS:
            yield Batch(_build_frame(kept), tell_done())
            kept, length = [], 0
    if kept:
        yield Batch(_build_frame(kept), tell_done())


def _build_frame(records: list[Record]) -> pl.DataFrame:
    return pl.DataFrame({name: [record.get(name) for record in records] for name in RAW_SCHEMA}, schema=RAW_SCHEMA)


def hide_person(name: str | None) -> str | None:
    """Return a stable name that does not say who it is: as little of people as learning needs."""
    if not name:
        return None
    return f"u-{blake2b(name.encode('utf-8', 'replace'), digest_size=5).hexdigest()}"


@dataclass(frozen=True)
class Change:
    """A field's value before and after a change; `by_person` whether a person made it."""

    field: str
    at: datetime | None
    old: str | None
    new: str | None
    by_person: bool = True


def read_as_filed(current: str, name: str, changes: Iterable[Change]) -> str:
    """Return a text as it was when the issue was filed: what the first change of it replaced.

    Args:
        current: The text now.
        name: The field.
        changes: All of the issue, the oldest first.
    """
    return next((change.old or "" for change in changes if change.field == name), current)
