"""All reports of an installation in memory, ready to be searched: about 150 candidates for a report in milliseconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bugflow.ml.duplicates.growing import GrowingArray
from bugflow.ml.duplicates.postings import Postings
from bugflow.ml.duplicates.profiles import Profile
from bugflow.ml.duplicates.ragged import RaggedArray
from bugflow.ml.duplicates.vectors import VectorRows

FIELDS = ("project", "component", "issue_type", "priority", "reporter")
"""What two reports may agree in."""
BUGS = ("bug", "defect", "incident", "crash", "regression")
"""What the names of types have that are bugs."""
NEVER = np.inf


@dataclass(frozen=True, slots=True)
class Filed:
    """What is known of a report beside its text.

    Attributes:
        created: When it was filed, in seconds since 1970.
        closed: When it was closed; infinite where it is not.
        fields: Values by the names of `FIELDS`; what is not known is left out.
    """

    created: float
    closed: float = NEVER
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_bug(self) -> bool:
        """Whether it is a bug, as far as its type says: tasks and stories that repeat each other are no duplicates."""
        said = self.fields.get("issue_type", "").lower()
        return not said or any(each in said for each in BUGS)


@dataclass(frozen=True, slots=True)
class Entry:
    """A report that can be found."""

    identity: int
    profile: Profile
    filed: Filed


class ReportIndex:
    """Reports by row. One thread adds and changes, others may search meanwhile.

    Attributes:
        postings: Which rows have a word.
        texts: Each row's vector of title and sentences.
        titles: Each row's vector of the title.
        n_dims: How many dimensions a vector has; 0 without an encoder.
    """

    def __init__(self, n_dims: int = 0) -> None:
        self.n_dims = n_dims
        self.postings = Postings()
        self.frames = Postings()
        self.texts, self.titles = VectorRows(n_dims), VectorRows(n_dims)
        self.terms: RaggedArray[np.uint32] = RaggedArray(np.uint32)
        self.in_title: RaggedArray[np.uint8] = RaggedArray(np.uint8)
        self.in_prose: RaggedArray[np.uint8] = RaggedArray(np.uint8)
        self.in_code: RaggedArray[np.uint8] = RaggedArray(np.uint8)
        self.pairs: RaggedArray[np.uint32] = RaggedArray(np.uint32)
        self.versions: RaggedArray[np.uint32] = RaggedArray(np.uint32)
        self._identities: GrowingArray[np.int64] = GrowingArray(np.int64)
        self._created: GrowingArray[np.float64] = GrowingArray(np.float64)
        self._closed: GrowingArray[np.float64] = GrowingArray(np.float64)
        self._groups: GrowingArray[np.int64] = GrowingArray(np.int64)
        self._followers: dict[int, set[int]] = {}
        self._alive: GrowingArray[np.bool_] = GrowingArray(np.bool_)
        self._lengths: GrowingArray[np.int32] = GrowingArray(np.int32, 2)
        self._codes: GrowingArray[np.int32] = GrowingArray(np.int32, len(FIELDS))
        self._values: tuple[dict[str, int], ...] = tuple({} for _ in FIELDS)
        self._rows: dict[int, int] = {}
        self._changes = 0
        self._moments: tuple[int, NDArray[np.float64]] = (0, np.zeros(0))

    def __len__(self) -> int:
        """Return how many rows there are, those that were replaced included."""
        return len(self._identities)

    def add(self, entries: Sequence[Entry]) -> None:
        """Add reports; one that is there already is replaced, and stays in its group."""
        if not entries:
            return
        first = len(self)
        words = [each.profile.words for each in entries]
        self.postings.add([(each.terms, each.frequencies) for each in words])
        self.frames.add([(each.frames, np.ones(len(each.frames), dtype=np.float32)) for each in words])
        self._add_words(entries)
        if self.n_dims:
            self.texts.extend(np.stack([self._or_zero(each.profile.text) for each in entries]))
            self.titles.extend(np.stack([self._or_zero(each.profile.title) for each in entries]))
        self._created.extend(np.array([each.filed.created for each in entries]))
        self._closed.extend(np.array([each.filed.closed for each in entries]))
        self._codes.extend(np.array([self.encode_fields(each.filed.fields, learn=True) for each in entries]))
        self._lengths.extend(np.array([(each.n_title, each.n_prose) for each in words], dtype=np.int32))
        self._groups.extend(np.arange(first, first + len(entries)))
        self._alive.extend(np.zeros(len(entries), dtype=np.bool_))
        self._identities.extend(np.array([each.identity for each in entries]))
        for row, each in enumerate(entries, start=first):
            self._replace(each.identity, row)
        self._changes += 1

    def _replace(self, identity: int, row: int) -> None:
        alive, replaced = self._alive.view(), self._rows.get(identity)
        if replaced is not None:
            alive[replaced] = False
            group = int(self._groups.view()[replaced])
            if group == replaced:
                for member in self.list_members(replaced):
                    self._put(member, row)
            else:
                self._put(row, group)
        alive[row] = True
        self._rows[identity] = row

    def _add_words(self, entries: Sequence[Entry]) -> None:
        words = [each.profile.words for each in entries]
        self.terms.extend([each.terms for each in words])
        for kept, rows in (
            (self.in_title, [each.in_title for each in words]),
            (self.in_prose, [each.in_prose for each in words]),
            (self.in_code, [each.in_code for each in words]),
        ):
            kept.extend(rows)
        self.pairs.extend([each.pairs for each in words])
        self.versions.extend([each.versions for each in words])

    def _or_zero(self, vector: NDArray[np.float32] | None) -> NDArray[np.float32]:
        return np.zeros(self.n_dims, dtype=np.float32) if vector is None else vector

    def encode_fields(self, values: Mapping[str, str], *, learn: bool = False) -> list[int]:
        """Return the numbers of values, in the order of `FIELDS`; 0 where a value is not known or new."""
        codes = []
        for name, known in zip(FIELDS, self._values, strict=True):
            value = values.get(name, "")
            if value and learn:
                known.setdefault(value, len(known) + 1)
            codes.append(known.get(value, 0))
        return codes

    def find_row(self, identity: int) -> int | None:
        """Return a report's row."""
        return self._rows.get(identity)

    def refile(self, identity: int, filed: Filed) -> None:
        """Change what is known of a report beside its text.

        Raises:
            KeyError: It is not in the index.
        """
        row = self._rows[identity]
        if self._created.view()[row] != filed.created:
            self._created.view()[row] = filed.created
            self._changes += 1
        self._closed.view()[row] = filed.closed
        self._codes.view()[row] = self.encode_fields(filed.fields, learn=True)

    def remove(self, identity: int) -> None:
        """Find a report no more; its duplicates stay a group."""
        row = self._rows.pop(identity, None)
        if row is not None:
            self._alive.view()[row] = False
            self._changes += 1

    def join(self, identity: int, canonical: int) -> None:
        """Note that two reports are the same bug, whose group is named by the second.

        Raises:
            KeyError: One is not in the index.
        """
        groups = self._groups.view()
        row, into = self._rows[identity], self._rows[canonical]
        group = int(groups[into])
        for member in self.list_members(int(groups[row])):
            self._put(member, group)

    def assign(self, identity: int, canonical: int) -> None:
        """Put one report into the group that another one names, into its own where that is not in the index.

        Unlike `join`, the others of its group stay where they are; what is not in the index is left alone.
        """
        row = self._rows.get(identity)
        if row is not None:
            self._put(row, self._rows.get(canonical, row))

    def _put(self, row: int, group: int) -> None:
        """Put a row into the group that another one, or itself, names."""
        groups = self._groups.view()
        former = int(groups[row])
        if former != row:
            self._followers[former].discard(row)
            if not self._followers[former]:
                del self._followers[former]
        if group != row:
            self._followers.setdefault(group, set()).add(row)
        groups[row] = group

    def list_members(self, group: int) -> list[int]:
        """Return the rows of the group that a row names, those that were replaced included, without a look at all."""
        followers = list(self._followers.get(group, ()))
        return [group, *followers] if self._groups.view()[group] == group else followers

    def list_moments(self) -> NDArray[np.float64]:
        """Return when those that are alive were filed, in seconds since 1970, ascending; kept until that changes."""
        changes, moments = self._changes, self._moments
        if moments[0] != changes:
            created = self.created
            alive = self.alive[: len(created)].copy()  # A mask that a thread changes while it selects ends the process.
            kept = np.sort(created[alive], kind="stable")  # Nearly in order already.
            self._moments = moments = (changes, kept)
        return moments[1]

    @property
    def identities(self) -> NDArray[np.int64]:
        """Of each row; shape (rows,), as all that follow."""
        return self._identities.view()

    @property
    def created(self) -> NDArray[np.float64]:
        """When each was filed, in seconds since 1970."""
        return self._created.view()[: len(self)]

    @property
    def closed(self) -> NDArray[np.float64]:
        """When each was closed; infinite where it is open."""
        return self._closed.view()[: len(self)]

    @property
    def groups(self) -> NDArray[np.int64]:
        """By which row each one's group is named; its own where it is alone."""
        return self._groups.view()[: len(self)]

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Whether each is to be found; false for those replaced or removed."""
        return self._alive.view()[: len(self)]

    @property
    def lengths(self) -> NDArray[np.int32]:
        """How many words title and sentences of each have; shape (rows, 2)."""
        return self._lengths.view()[: len(self)]

    @property
    def codes(self) -> NDArray[np.int32]:
        """The numbers of each one's field values; shape (rows, fields), 0 where a value is not known."""
        return self._codes.view()[: len(self)]
